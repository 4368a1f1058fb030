//! Images that cannot run.
