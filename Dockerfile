# Builds one of the daemons into an image that holds hardly anything else:
#
#   docker build --build-arg BIN=outdial-manager -t outdial-manager .
#
# BIN is tandem, http-bridge, call-manager, chat-manager, did-manager or outdial-manager. The binary is static
# (musl), and runs as user and group 65532. Its own files, if any, are in /data.

FROM rust:1.95-alpine AS build
RUN apk add --no-cache build-base ca-certificates
WORKDIR /src
COPY . .
ARG BIN=tandem
# The caches last from one build to the next; so the binary is copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --locked --profile dist --workspace --bin "$BIN" \
    && install -D "target/dist/$BIN" /image/daemon \
    && install -D -m 644 bin-did-manager/src/area/NOTICE /image/NOTICE \
    && install -D /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
    && mkdir -p /image/data /image/tmp \
    && chmod 1777 /image/tmp \
    && chown 65532:65532 /image/data

FROM scratch
COPY --from=build /image /
ENV DATA_DIR=/data
# Inside a container, loopback reaches nobody.
ENV PROMETHEUS_LISTEN_ADDRESS=0.0.0.0:2112
USER 65532:65532
VOLUME /data
EXPOSE 2112
STOPSIGNAL SIGTERM
ENTRYPOINT ["/daemon"]
