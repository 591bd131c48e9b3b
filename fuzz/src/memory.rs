//! How much memory is in use, counted by the allocator. The count is of the whole process: one target runs at a time.

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The bytes that were in use at most while `work` ran, beyond those that were in use before.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = work();
    (result, ALLOCATOR.peak_usage().saturating_sub(before))
}

/// The bytes that a value holds: as many as are free once it is dropped.
pub fn held_by<T>(value: T) -> usize {
    let before = ALLOCATOR.current_usage();
    drop(value);
    before.saturating_sub(ALLOCATOR.current_usage())
}
