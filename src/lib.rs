//! quench: a Kubernetes mutating webhook and command line tool that moves a cluster to hardened or mirrored images.
