//! Counts what this program allocates, while asked to.
#![allow(unsafe_code, reason = "a global allocator is an unsafe trait; this one only counts and hands on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Off while times are taken: then all that it costs is a look at this flag.
static COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
/// What is held now of what was allocated while counting, and the most that was.
static HELD: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);

/// What was allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocations {
    /// How often memory was asked for; growing counts again.
    pub count: u64,
    /// How much was asked for, in bytes, freed or not.
    pub bytes: u64,
    /// The most that was held at once, in bytes.
    pub peak: u64,
}

/// Counts the allocations of `work`. No other thread may run meanwhile: theirs would count too.
pub fn count<T>(work: impl FnOnce() -> T) -> Allocations {
    let now = || (ALLOCATIONS.load(Ordering::SeqCst), BYTES.load(Ordering::SeqCst));
    let before = now();
    HELD.store(0, Ordering::SeqCst);
    PEAK.store(0, Ordering::SeqCst);
    COUNTING.store(true, Ordering::SeqCst);
    let result = work();
    COUNTING.store(false, Ordering::SeqCst);
    let after = now();
    drop(result);
    let peak = u64::try_from(PEAK.load(Ordering::SeqCst)).unwrap_or_default();
    Allocations { count: after.0.saturating_sub(before.0), bytes: after.1.saturating_sub(before.1), peak }
}

struct Counting;

impl Counting {
    fn note(size: usize) {
        if COUNTING.load(Ordering::Relaxed) {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
            BYTES.fetch_add(size as u64, Ordering::Relaxed);
            Self::hold(size as i64);
        }
    }

    fn hold(size: i64) {
        let held = HELD.fetch_add(size, Ordering::Relaxed) + size;
        PEAK.fetch_max(held, Ordering::Relaxed);
    }

    fn forget(size: usize) {
        if COUNTING.load(Ordering::Relaxed) {
            Self::hold(-(size as i64));
        }
    }
}

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note(layout.size());
        // SAFETY: the caller's promise, handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        Self::forget(layout.size());
        // SAFETY: the caller's promise, handed on.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::note(size);
        Self::forget(layout.size());
        // SAFETY: the caller's promise, handed on.
        unsafe { System.realloc(memory, layout, size) }
    }
}
