//! The only wiring place: build, dispatch, transports.
