# asr serve without TensorFlow, for a user without rights. docs/server.md has its use.
FROM python:3.13-slim AS build
COPY . /source
RUN python -m venv /opt/asr && /opt/asr/bin/pip install --no-cache-dir '/source[serve]'

FROM python:3.13-slim
RUN useradd --system --no-create-home --shell /usr/sbin/nologin asr
COPY --from=build /opt/asr /opt/asr
ENV PATH=/opt/asr/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER asr
EXPOSE 8000
STOPSIGNAL SIGINT
HEALTHCHECK --start-period=10s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz')"]
# Others reach a container: it starts with the file of a token only.
CMD ["asr", "serve", "--host", "0.0.0.0", "--token", "/run/secrets/token"]
