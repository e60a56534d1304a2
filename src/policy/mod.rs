//! Where connections may go.
