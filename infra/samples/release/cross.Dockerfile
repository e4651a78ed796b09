# The same program, compiled for all platforms on the builder's own: nothing of it is emulated.
ARG TOOLCHAIN=127.0.0.1:5000/cross-toolchain:1

FROM --platform=$BUILDPLATFORM ${TOOLCHAIN} AS build
COPY . /source
ARG VERSION=unversioned
ARG TARGETARCH
RUN cd /source && CC=$(sh cross-cc ${TARGETARCH}) VERSION=${VERSION} sh build /out

FROM scratch
ARG VERSION=unversioned
LABEL org.opencontainers.image.title="samples/release-cross" org.opencontainers.image.version="${VERSION}"
COPY --from=build /out/sum256 /sum256
ENTRYPOINT ["/sum256"]
