//! The files that manifests come from.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use agw_translate::manifest::ManifestFile;
use anyhow::{Context, bail};

/// Largest file that is read.
const FILE_LIMIT: u64 = 32 << 20;
/// Names of manifests in a folder.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Where manifests are read from, again and again.
#[derive(Debug)]
pub(crate) struct Sources(Vec<Source>);

#[derive(Debug)]
enum Source {
    /// Standard input or a pipe, which can be read only once.
    Once(ManifestFile),
    File(PathBuf),
    Folder(PathBuf),
}

impl Sources {
    /// Finds out what each path is, and reads standard input if one is `-`.
    pub(crate) fn open(paths: &[PathBuf]) -> anyhow::Result<Self> {
        paths
            .iter()
            .map(|path| Source::open(path))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The manifests as they are now. A file that is named twice is read once.
    pub(crate) fn read(&self) -> anyhow::Result<Vec<ManifestFile>> {
        let mut seen = BTreeSet::new();
        let mut files = Vec::new();
        for source in &self.0 {
            match source {
                Source::Once(file) => files.push(file.clone()),
                Source::File(path) => push(&mut files, &mut seen, path)?,
                Source::Folder(folder) => {
                    let paths = manifests_in(folder)?;
                    if paths.is_empty() {
                        bail!("{} holds no *.yaml, *.yml or *.json", folder.display());
                    }
                    for path in paths {
                        push(&mut files, &mut seen, &path)?;
                    }
                }
            }
        }
        Ok(files)
    }

    /// Folders whose changes can change what is read.
    pub(crate) fn folders(&self) -> BTreeSet<PathBuf> {
        let folder = |source: &Source| match source {
            Source::Once(_) => None,
            Source::Folder(folder) => Some(folder.clone()),
            Source::File(path) => match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => Some(parent.to_owned()),
                _ => Some(PathBuf::from(".")),
            },
        };
        self.0.iter().filter_map(folder).collect()
    }
}

impl Source {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        if path.as_os_str() == "-" {
            let text = text(std::io::stdin().lock()).context("cannot read standard input")?;
            return Ok(Self::Once(ManifestFile::new(name, text)));
        }
        let context = || format!("cannot read {name}");
        let metadata = fs::metadata(path).with_context(context)?;
        if metadata.is_dir() {
            Ok(Self::Folder(path.to_owned()))
        } else if metadata.is_file() {
            Ok(Self::File(path.to_owned()))
        } else {
            let pipe = fs::File::open(path).with_context(context)?;
            let text = text(pipe).with_context(context)?;
            Ok(Self::Once(ManifestFile::new(name, text)))
        }
    }
}

/// Manifests directly in a folder, by name. Hidden files are left out: editors keep drafts there.
fn manifests_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let context = || format!("cannot read the folder {}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        let hidden = path
            .file_name()
            .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        let manifest = path
            .extension()
            .is_some_and(|found| EXTENSIONS.iter().any(|known| found == *known));
        if manifest && !hidden && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn push(
    files: &mut Vec<ManifestFile>,
    seen: &mut BTreeSet<PathBuf>,
    path: &Path,
) -> anyhow::Result<()> {
    let context = || format!("cannot read {}", path.display());
    if seen.insert(fs::canonicalize(path).with_context(context)?) {
        let text = fs::File::open(path)
            .map_err(Into::into)
            .and_then(text)
            .with_context(context)?;
        files.push(ManifestFile::new(path.display().to_string(), text));
    }
    Ok(())
}

fn text(reader: impl Read) -> anyhow::Result<String> {
    let mut text = String::new();
    reader.take(FILE_LIMIT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_LIMIT {
        bail!("it is larger than {} MiB", FILE_LIMIT >> 20);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_folders_manifests_by_name_and_each_file_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["b.yaml", "a.yml", "c.json", "notes.md", ".hidden.yaml"] {
            fs::write(at(name), name).unwrap();
        }
        fs::create_dir(at("below.yaml")).unwrap();
        fs::write(at("below.yaml/d.yaml"), "d").unwrap();
        let sources = Sources::open(&[at("b.yaml"), folder.path().to_owned()]).unwrap();
        let texts: Vec<_> = sources
            .read()
            .unwrap()
            .into_iter()
            .map(|file| file.text)
            .collect();
        assert_eq!(texts, ["b.yaml", "a.yml", "c.json"]);
        assert_eq!(
            sources.folders(),
            BTreeSet::from([folder.path().to_owned()])
        );
    }

    #[test]
    fn says_what_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.yaml");
        let error = Sources::open(&[missing]).unwrap_err();
        assert!(error.to_string().contains("missing.yaml"), "{error:#}");
        let sources = Sources::open(&[folder.path().to_owned()]).unwrap();
        let error = sources.read().unwrap_err();
        assert!(error.to_string().contains("holds no *.yaml"), "{error:#}");
        fs::write(folder.path().join("a.yaml"), b"\xff").unwrap();
        let error = sources.read().unwrap_err();
        assert!(format!("{error:#}").contains("a.yaml"), "{error:#}");
    }
}
