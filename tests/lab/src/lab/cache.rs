//! Steps that are done again only when what they are made from has changed.

use super::store::{files_below, folder};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;
use std::time::Instant;

/// What a product is made from. Two keys that differ mean that it is to be made again.
#[derive(Default)]
pub(crate) struct Key {
    hasher: DefaultHasher,
}

impl Key {
    pub(crate) fn new(recipe: &str) -> Self {
        Self::default().text(recipe)
    }

    /// Adds a name, a version, a flag.
    pub(crate) fn text(mut self, text: &str) -> Self {
        text.hash(&mut self.hasher);
        self
    }

    /// Adds a file's content.
    pub(crate) fn file(mut self, path: &Path) -> io::Result<Self> {
        let content = fs::read(path).map_err(|e| io::Error::other(format!("{}: {e}", path.display())))?;
        content.hash(&mut self.hasher);
        Ok(self)
    }

    /// Adds every file below a folder, by name and content.
    pub(crate) fn tree(mut self, root: &Path) -> io::Result<Self> {
        for path in files_below(root)? {
            if path.is_file() {
                path.strip_prefix(root).unwrap_or(&path).hash(&mut self.hasher);
                self = self.file(&path)?;
            }
        }
        Ok(self)
    }

    fn value(&self) -> String {
        format!("{:016x}", self.hasher.finish())
    }
}

/// Makes `name` unless it was made from the same key before and is still there. `make` writes to `product`.
pub(crate) fn make(
    name: &str,
    key: &Key,
    product: &Path,
    make: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let stamp = folder("stamps")?.join(name.replace('/', "-"));
    let key = key.value();
    if product.exists() && fs::read_to_string(&stamp).is_ok_and(|old| old == key) {
        return Ok(());
    }
    eprintln!("lab: {name} ...");
    let start = Instant::now();
    make()?;
    if !product.exists() {
        return Err(io::Error::other(format!(
            "{name}: {} was not made",
            product.display()
        )));
    }
    fs::write(stamp, key)?;
    eprintln!("lab: {name}: {:.1} s", start.elapsed().as_secs_f32());
    Ok(())
}
