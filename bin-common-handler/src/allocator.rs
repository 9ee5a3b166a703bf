//! Where memory comes from. A request allocates a few hundred small things on one thread and frees many on
//! another: that took glibc's allocator a fifth of a daemon's time, and musl's, in the static build, takes a
//! lock for each. Standing here, it serves whatever is linked with this crate. Without huge pages (`no_thp`), which make
//! an idle daemon a third larger.

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;
