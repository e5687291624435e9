//! The last good configuration on disk, for a start while the controller is away.
//!
//! The file is a magic number, the SHA-256 of the rest, and a `State` message. Nothing of it is
//! used unless all of it is as it was written.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agw_core::id::ObjectKey;
use prost::Message as _;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::held::Held;
use crate::limits;
use crate::proto;

/// The last byte is the version of the format.
const MAGIC: [u8; 8] = *b"AGWHELD\x01";
const DIGEST: usize = 32;

/// Between two writes: a burst of changes is written once.
const PACE: Duration = Duration::from_secs(1);

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error(
        "others may read it (mode {0:o}), so anybody may know the secrets in it or change them"
    )]
    Open(u32),
    #[error("it has {0} bytes")]
    Size(u64),
    #[error("it is not of this program's format")]
    Format,
    #[error("it is damaged")]
    Damaged,
    #[error("it is of another Gateway")]
    Gateway,
}

/// What the file holds; `None` when there is no file.
pub(super) fn load(path: &Path, gateway: &ObjectKey) -> Result<Option<Held>, Unusable> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let metadata = file.metadata()?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Unusable::Open(mode));
    }
    let most = limits::CONFIGURATION as u64;
    if metadata.len() > most {
        return Err(Unusable::Size(metadata.len()));
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    let state = read(&bytes)?;
    let owner = state
        .gateway
        .clone()
        .and_then(|key| ObjectKey::try_from(key).ok());
    if owner.as_ref() != Some(gateway) {
        return Err(Unusable::Gateway);
    }
    Ok(Some(Held::restored(gateway.clone(), state)))
}

fn read(bytes: &[u8]) -> Result<proto::State, Unusable> {
    let rest = bytes.strip_prefix(&MAGIC).ok_or(Unusable::Format)?;
    let (digest, body) = rest.split_at_checked(DIGEST).ok_or(Unusable::Damaged)?;
    if Sha256::digest(body)[..] != *digest {
        return Err(Unusable::Damaged);
    }
    proto::State::decode(body).map_err(|_| Unusable::Damaged)
}

/// Writes what is held whenever it changes, until the sender is gone and the last is written.
pub(super) async fn keep(
    path: Option<PathBuf>,
    mut kept: watch::Receiver<Option<Arc<Held>>>,
    shutdown: &CancellationToken,
) {
    while kept.changed().await.is_ok() {
        let Some(path) = path.clone() else { continue };
        let Some(held) = kept.borrow_and_update().clone() else {
            continue;
        };
        let shown = path.display().to_string();
        let written = tokio::task::spawn_blocking(move || write(&path, &held)).await;
        match written
            .map_err(io::Error::other)
            .and_then(|written| written)
        {
            Ok(()) => tracing::debug!(path = shown, "wrote the configuration that is served"),
            Err(error) => {
                tracing::warn!(path = shown, %error, "cannot keep the configuration for a restart");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PACE) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

/// The file is whole at any time: it is written beside and then takes the other's place.
fn write(path: &Path, held: &Held) -> io::Result<()> {
    let body = held.state().encode_to_vec();
    if body.len() > limits::CONFIGURATION - MAGIC.len() - DIGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(&MAGIC)?;
    file.write_all(&Sha256::digest(&body))?;
    file.write_all(&body)?;
    file.sync_data()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> Held {
        let state = proto::State {
            version: 7,
            ..proto::State::default()
        };
        Held::restored(ObjectKey::new("ns", "gw"), state)
    }

    #[test]
    fn reads_what_it_wrote_and_only_that() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let gateway = ObjectKey::new("ns", "gw");
        assert!(load(&path, &gateway).unwrap().is_none());
        write(&path, &held()).unwrap();
        write(&path, &held()).unwrap();
        assert_eq!(load(&path, &gateway).unwrap().unwrap().version, 7);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = ObjectKey::new("ns", "other");
        assert!(matches!(load(&path, &other), Err(Unusable::Gateway)));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load(&path, &gateway), Err(Unusable::Open(0o640))));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        write(&path, &held()).unwrap();
        let whole = fs::read(&path).unwrap();
        assert!(read(&whole).is_ok());
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&damaged).is_err(), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length} bytes");
        }
    }
}
