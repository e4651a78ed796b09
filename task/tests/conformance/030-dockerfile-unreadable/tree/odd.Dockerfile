FROM alpine
COPY --from=$X a a
