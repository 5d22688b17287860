//! Cores, and pinning threads to them.
//!
//! **Invariant:** a core that cannot be used is reported, and never causes an error.

/// The cores that this process may run on; never empty. Call it once, before any thread is pinned.
#[must_use]
pub fn available_cores() -> Vec<core_affinity::CoreId> {
    core_affinity::get_core_ids()
        .filter(|cores| !cores.is_empty())
        .unwrap_or_else(|| vec![core_affinity::CoreId { id: 0 }])
}

/// Pins the calling thread to `core`. Returns whether that was allowed.
#[must_use]
pub fn pin_to(core: core_affinity::CoreId) -> bool {
    core_affinity::set_for_current(core)
}
