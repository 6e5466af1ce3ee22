# Builds the image of quench: one static program and nothing else (docs/image.md).
#
#   docker buildx build --platform linux/amd64,linux/arm64 --tag registry.example.com/quench:0.1.0 --push .
#
# tests/image/build builds the same image without a Docker engine; it reads the last stage of this file.

# Pins Debian 12, so that the C library that is linked in is the same on every machine.
FROM --platform=$BUILDPLATFORM rust:1.95-slim-bookworm AS build
# Includes this stage in the SBOM, because the last stage holds only the program.
ARG BUILDKIT_SBOM_SCAN_STAGE=true
# The TLS library is written in C, so building for the other platform needs its cross compiler.
RUN case "$(dpkg --print-architecture)" in amd64) other=aarch64 ;; arm64) other=x86-64 ;; esac && \
    apt-get update && apt-get install --yes "gcc-$other-linux-gnu"
WORKDIR /quench
COPY . .
ARG TARGETARCH
RUN case "$TARGETARCH" in amd64) arch=x86_64 ;; arm64) arch=aarch64 ;; esac && \
    rustup target add "$arch-unknown-linux-gnu" && \
    cp "$(tests/image/binary "$arch-unknown-linux-gnu")" /program

FROM scratch
COPY --from=build /program /quench
# A numeric user, so that the kubelet can check `runAsNonRoot`.
USER 65532:65532
EXPOSE 8443/tcp 8080/tcp
ENTRYPOINT ["/quench"]
CMD ["serve"]
LABEL org.opencontainers.image.title="quench" \
      org.opencontainers.image.description="Moves a Kubernetes cluster to hardened or mirrored container images" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
