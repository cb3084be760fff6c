# The program on a base without shell or package manager, for an unprivileged user:
#   docker build --build-arg BUFFALO_COMMIT="$(git rev-parse HEAD)" --tag buffalo .
FROM rust:1.94-slim-bookworm AS build
WORKDIR /src
COPY . .
# What `buffalo --version` says: the repository itself is no part of the build.
ARG BUFFALO_COMMIT=""
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package buffalo && \
    install -D target/release/buffalo /out/buffalo

# glibc, libgcc, the system's certificates and time zones; user 65532.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/buffalo /usr/local/bin/buffalo
USER 65532:65532
EXPOSE 3000
# For `serve` and `run`. Other commands end before anybody asks, or have no server to ask.
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s CMD ["/usr/local/bin/buffalo", "health"]
ENTRYPOINT ["/usr/local/bin/buffalo"]
CMD ["run"]
