//! Revenue as a picture for slides and reports, in a file: an SVG or a PNG.
//!
//! Every figure that is written on it is made of integers, as everywhere. Where bars end is a matter of pixels.

mod amounts;
mod bitmap;
mod days;
mod layout;
mod lettering;
mod scene;
mod svg;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::anyhow;
use buffalo_model::Revenue;

/// The file that a chart is written into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChartFile {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Svg,
    Png,
}

/// A name that says neither.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a chart is written as SVG or PNG, so the name must end in .svg or .png")]
pub(crate) struct ChartFileError;

impl FromStr for ChartFile {
    type Err = ChartFileError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let path = PathBuf::from(name);
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let kind = match extension.to_ascii_lowercase().as_str() {
            "svg" => Kind::Svg,
            "png" => Kind::Png,
            _ => return Err(ChartFileError),
        };
        Ok(Self { path, kind })
    }
}

impl ChartFile {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Draws revenue, whose breakdown must be filled, with a note about its freshness below. Whoever looks at the file
    /// meanwhile sees the old one or the new one.
    ///
    /// # Errors
    ///
    /// If the file can't be written.
    pub(crate) fn draw(&self, revenue: &Revenue, note: &str) -> anyhow::Result<()> {
        let scene = layout::chart(revenue, note)?;
        let picture = match self.kind {
            Kind::Svg => svg::file(&scene)?,
            Kind::Png => bitmap::file(&scene)?,
        };
        // The kind alone: the whole error may speak of the temporary file.
        self.replace(&picture)
            .map_err(|error| anyhow!("can't write {}: {}", self.path.display(), error.kind()))
    }

    fn replace(&self, picture: &[u8]) -> std::io::Result<()> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut builder = tempfile::Builder::new();
        builder.prefix(".buffalo-chart-");
        // As readable as any file that the caller makes, where a temporary one would be the caller's alone.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(picture)?;
        file.persist(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_what_is_written() {
        let kind = |name: &str| name.parse::<ChartFile>().map(|file| file.kind);
        assert_eq!(kind("revenue.svg"), Ok(Kind::Svg));
        assert_eq!(kind("/tmp/2026.11/Revenue.PNG"), Ok(Kind::Png));
        for bad in ["revenue", "revenue.pdf", "svg", ".png", "png/", "", "/dev/stdout"] {
            assert_eq!(kind(bad), Err(ChartFileError), "{bad}");
        }
    }
}
