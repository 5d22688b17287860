//! Cores, and pinning a thread to one.
//!
//! **Invariant:** a core that may not be used is reported, never an error.

/// The cores this process may run on; read it once, before anything is pinned. Never empty.
#[must_use]
pub fn available_cores() -> Vec<core_affinity::CoreId> {
    core_affinity::get_core_ids()
        .filter(|cores| !cores.is_empty())
        .unwrap_or_else(|| vec![core_affinity::CoreId { id: 0 }])
}

/// Pins the calling thread to `core`; tells whether that was allowed.
#[must_use]
pub fn pin_to(core: core_affinity::CoreId) -> bool {
    core_affinity::set_for_current(core)
}
