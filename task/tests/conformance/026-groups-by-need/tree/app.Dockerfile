ARG B=base:latest
FROM golang AS g
FROM $B
COPY --from=g a a
