//! Which files are the program: everything of the workspace but tests and benchmarks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::{code, sql};

/// The program can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ProductError {
    /// A file or folder can't be opened.
    #[error("{path} can't be read: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// A file is no Rust.
    #[error("{path}:{line}: {error}", line = error.span().start().line)]
    Syntax {
        /// The file.
        path: String,
        /// What the parser says.
        error: syn::Error,
    },
    /// Nothing was found, so nothing would be proved.
    #[error("there is no program in {0}")]
    Nothing(PathBuf),
}

/// Files of the program, read.
pub(crate) struct Product {
    pub(crate) code: Vec<code::File>,
    pub(crate) sql: Vec<sql::Text>,
}

pub(crate) fn read(root: &Path) -> Result<Product, ProductError> {
    let mut paths = Vec::new();
    walk(root, root, &mut paths)?;
    paths.sort();
    let mut product = Product { code: Vec::new(), sql: Vec::new() };
    let mut files = BTreeMap::new();
    for path in paths {
        let text = fs::read_to_string(root.join(&path)).map_err(|error| io(&path, error))?;
        let name = named(&path);
        if path.extension().is_some_and(|extension| extension == "sql") {
            product.sql.push(sql::Text { path: name, line: 1, sql: text, origin: sql::Origin::Query });
            continue;
        }
        let syntax =
            syn::parse_file(&text).map_err(|error| ProductError::Syntax { path: name.clone(), error })?;
        files.insert(path, syntax);
    }
    // What only tests are made of is known by the line that declares it.
    let tests: Vec<PathBuf> = files
        .iter()
        .flat_map(|(path, syntax)| code::test_modules(path, syntax))
        .map(|path| plain(&path))
        .collect();
    for (path, syntax) in files {
        if !tests.iter().any(|test| path == *test || path.starts_with(test.with_extension(""))) {
            product.code.push(code::File { path: named(&path), syntax });
        }
    }
    if product.code.is_empty() {
        return Err(ProductError::Nothing(root.to_owned()));
    }
    Ok(product)
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), ProductError> {
    let of_package = folder.join("Cargo.toml").exists();
    for entry in fs::read_dir(folder).map_err(|error| io(folder, error))? {
        let path = entry.map_err(|error| io(folder, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let left_out = name.starts_with('.')
            || name == "node_modules"
            || of_package && ["target", "tests", "bench"].contains(&&*name);
        if left_out {
            continue;
        }
        if path.is_dir() {
            walk(root, &path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "sql") {
            found.push(path.strip_prefix(root).unwrap_or(&path).to_owned());
        }
    }
    Ok(())
}

/// The file that `query_file!` names: from the package on, as sqlx looks for it.
pub(crate) fn query_file(root: &Path, code: &str, name: &str) -> Option<sql::Text> {
    let package =
        Path::new(code).ancestors().skip(1).find(|folder| root.join(folder).join("Cargo.toml").exists())?;
    let path = plain(&package.join(name));
    let sql = fs::read_to_string(root.join(&path)).ok()?;
    Some(sql::Text { path: named(&path), line: 1, sql, origin: sql::Origin::Query })
}

fn io(path: &Path, error: std::io::Error) -> ProductError {
    ProductError::Io { path: path.to_owned(), error }
}

/// The path with `/` between its parts, on whatever system.
fn named(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}
