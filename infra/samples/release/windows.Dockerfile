# The program as an image for Windows. The base has to be one for the Windows of the engine's machine, or an older one where
# that has Hyper-V.
ARG BASE=127.0.0.1:5000/base-ltsc2022:1

FROM ${BASE}
ARG VERSION=unversioned
LABEL org.opencontainers.image.title="samples/release" org.opencontainers.image.version="${VERSION}"
COPY out/sum256.exe /sum256.exe
ENTRYPOINT ["c:\\\\sum256.exe"]
