# syntax=docker/dockerfile:1
# Targets: `lakegate` (the service; the last one, so also the default) and `load` (puts the demo's data into a bucket).

FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
# Built as everywhere else: one profile, libraries optimised. The caches live outside of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/target \
    CARGO_TARGET_DIR=/target cargo build --locked --workspace \
    && strip -o /usr/local/bin/lakegate /target/debug/lakegate

FROM python:3.12-slim-bookworm AS load
WORKDIR /lakegate
COPY demo/requirements.txt demo/requirements.txt
RUN pip install --no-cache-dir --requirement demo/requirements.txt
COPY benchmarks/compare.py benchmarks/
COPY demo demo
USER 10001:10001
ENTRYPOINT ["python", "-m", "demo.load"]

FROM debian:bookworm-slim AS lakegate
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home lakegate \
    && install --directory --owner lakegate --group lakegate /var/lib/lakegate
COPY --from=build /usr/local/bin/lakegate /usr/local/bin/lakegate
USER 10001:10001
VOLUME /var/lib/lakegate
ENV LAKEGATE_DATA_DIR=/var/lib/lakegate
EXPOSE 8815 8816
# Of the server; an executor has no client port, and is watched by the server.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=6 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8815 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["lakegate"]
CMD ["serve"]
