//! Is AES-256-GCM the faster cipher here? Asks the processor; knows nothing of peers.
//!
//! By its instructions and not by a stopwatch: the answer stands in a signed record, so it must not change with what
//! else the machine does. Where the instructions are, AES is 2 to 3 times as fast with ring (`benchmarks/aead` has the
//! figures); where they are not it is several times slower. Which of ring's own codes runs (VAES with 256 bits, AVX,
//! plain AES-NI) ring finds out by itself.

/// The processor multiplies for AES and for GHASH.
#[cfg(target_arch = "x86_64")]
#[must_use]
pub fn is_there() -> bool {
    std::arch::is_x86_feature_detected!("aes")
        && std::arch::is_x86_feature_detected!("pclmulqdq")
        && std::arch::is_x86_feature_detected!("avx")
}

/// The processor multiplies for AES and for GHASH.
#[cfg(target_arch = "aarch64")]
#[must_use]
pub fn is_there() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
        && std::arch::is_aarch64_feature_detected!("pmull")
}

/// Not known of this kind of processor.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[must_use]
pub fn is_there() -> bool {
    false
}
