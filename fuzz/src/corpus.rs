//! Inputs that are kept in files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::random::hash;
use crate::target::Target;

/// A file of the corpus and what it holds.
#[derive(Debug, Clone)]
pub struct Seed {
    pub path: PathBuf,
    pub input: Vec<u8>,
}

fn folder(kind: &str, target: &Target) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join(kind).join(target.name)
}

/// The target's corpus, in the order of names.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn seeds(target: &Target) -> io::Result<Vec<Seed>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let more = target
        .more_seeds
        .iter()
        .map(|more| here.join("..").join(more));
    let mut paths = Vec::new();
    for folder in std::iter::once(folder("corpus", target)).chain(more) {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_file() && path.extension().is_none_or(|e| e != "golden") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let seeds = paths.into_iter().map(|path| {
        let input = fs::read(&path)?;
        Ok(Seed { path, input })
    });
    seeds.collect()
}

/// Where the input that is being run is, so that it is not lost when the process dies of it.
///
/// # Errors
/// The folder cannot be made.
pub fn running(target: &Target) -> io::Result<PathBuf> {
    let folder = folder("failures", target);
    fs::create_dir_all(&folder)?;
    Ok(folder.join("running"))
}

/// Writes an input that failed; returns its file.
///
/// # Errors
/// It cannot be written.
pub fn save_failure(target: &Target, input: &[u8]) -> io::Result<PathBuf> {
    let folder = folder("failures", target);
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{:016x}", hash(input)));
    fs::write(&path, input)?;
    Ok(path)
}
