# The service without torch, as a user of its own; everything that it writes lies in /data.
#
#     docker build -t regrade .
#     docker run --read-only --tmpfs /tmp --cap-drop ALL -v regrade:/data -p 127.0.0.1:8080:8080 regrade
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY datasets datasets
COPY labeling labeling
COPY models models
COPY training training
COPY serving serving
RUN python -m venv /opt/regrade \
 && /opt/regrade/bin/pip install --no-cache-dir -c constraints.txt ".[heic,s3]" "psycopg[binary]>=3.2,<4" \
 && /opt/regrade/bin/regrade --help > /dev/null

FROM python:3.11-slim
COPY --from=build /opt/regrade /opt/regrade
RUN groupadd --gid 10001 regrade \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin regrade \
 && install -d -o regrade -g regrade -m 0700 /data
ENV PATH=/opt/regrade/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    REGRADE_HOST=0.0.0.0 \
    REGRADE_PORT=8080 \
    REGRADE_DATA_DIR=/data
WORKDIR /data
USER 10001:10001
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/v2/health/ready', timeout=4)"]
ENTRYPOINT ["regrade"]
CMD ["serve"]
