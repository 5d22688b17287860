//! The cluster key: a secret in a file.
//!
//! **Invariant:** an error never shows the secret.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use hopwise_kernel::reactor::ClusterKey;
use hopwise_kernel::reactor::seal::MIN_SECRET_BYTES;

/// The longest secret.
const MAX_BYTES: u64 = 4096;

/// Reads the key from a file. White space around the secret does not count.
///
/// # Errors
///
/// What is wrong with the file.
pub(in super::super) fn read_key(path: &Path) -> Result<ClusterKey, String> {
    let shown = path.display();
    let mut secret = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut secret))
        .map_err(|error| format!("--cluster-key {shown}: {error}"))?;
    let secret = secret.trim_ascii();
    if secret.len() as u64 > MAX_BYTES {
        return Err(format!("--cluster-key {shown}: at most {MAX_BYTES} bytes are accepted"));
    }
    ClusterKey::from_secret(secret).ok_or_else(|| {
        format!(
            "--cluster-key {shown}: the secret has {} bytes, and needs {MIN_SECRET_BYTES}: write a random \
             one, for instance with `head -c 32 /dev/urandom | base64 > {shown}`",
            secret.len()
        )
    })
}
