<!doctype html><title>asr</title>
