FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ make perl \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --features vendored-openssl --bin pageberg \
    && cp target/release/pageberg /usr/local/bin/pageberg

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home pageberg \
    && install --directory --owner=pageberg --group=pageberg /data
COPY --from=build /usr/local/bin/pageberg /usr/local/bin/pageberg
COPY LICENSE /usr/share/doc/pageberg/LICENSE
COPY visit/data/README.md /usr/share/doc/pageberg/user-agents.md
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8080 8081
# Takes the events of any page, to be tried at once. On the internet: name the sites in a pageberg.toml ([[gateway.sites]]),
# and set this to false.
ENV PAGEBERG_GATEWAY__ACCEPT_ALL=true
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s \
    CMD ["pageberg", "health"]
ENTRYPOINT ["pageberg"]
CMD ["serve", "--data", "/data", "--listen", "0.0.0.0:8080", "--status", "0.0.0.0:8081"]
