# syntax=docker/dockerfile:1
# The image of `agw`: one static binary and the certificates of public authorities, nothing else.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
ARG GIT_SHA=
ENV AGW_GIT_SHA=$GIT_SHA RUSTFLAGS="-C target-feature=+crt-static"
RUN cargo build --release --locked --package agw-cli --bin agw --target "$(uname -m)-unknown-linux-gnu" \
    && cp "target/$(uname -m)-unknown-linux-gnu/release/agw" /agw

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /agw /agw
USER 65532:65532
ENTRYPOINT ["/agw"]
