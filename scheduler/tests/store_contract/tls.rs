//! etcd behind TLS, with and without a client's certificate.
