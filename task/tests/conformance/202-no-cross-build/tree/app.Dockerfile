FROM r.example/base:1
RUN x
