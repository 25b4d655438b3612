//! A folder of the bot's in which files are changed, and out of which no link leads: every step of a path is taken from an open
//! folder, without following.
//!
//! A link anywhere below the bot's folder is refused, so that whoever may write there cannot have other files changed. And what is
//! made there is the bot's: whoever could read or write a file can do so when it was replaced.

mod access;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::path::{Component, Path};
use std::time::{Duration, SystemTime};

use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, RenameFlags, Stat, flock, fstat, linkat, mkdirat, openat, renameat,
    renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

use access::Access;

/// Nobody else has a new file until it is whole.
const NEW_FILE: u32 = 0o600;
const NEW_FOLDER: u32 = 0o700;

/// An open folder.
pub(crate) struct Folder(OwnedFd);

impl Folder {
    /// The folder at `root`, which itself may be a link: the configuration names it.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        Ok(Self(openat(CWD, root, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?))
    }

    /// The folder that holds `path`, which begins at this one, and the name of the file in it.
    pub(crate) fn holding(root: &Path, path: &Path) -> io::Result<(Self, OsString)> {
        let outside = || io::Error::other("it is not below the bot's folder: nothing outside of that is changed");
        let mut folder = Self::open(root)?;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(outside()) };
        for step in parent.components() {
            match step {
                Component::Normal(step) => folder = folder.step(step)?,
                Component::CurDir => {}
                _ => return Err(outside()),
            }
        }
        Ok((folder, name.to_owned()))
    }

    fn step(&self, name: &OsStr) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.0, name, flags, Mode::empty()) {
            Ok(folder) => Ok(Self(folder)),
            Err(Errno::LOOP | Errno::NOTDIR) => {
                let name = name.to_string_lossy();
                Err(io::Error::other(format!("{name} is a link, or no folder: links are not followed")))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the folder `name`, if there is none, for all who may do the same with this one.
    pub(crate) fn make(&self, name: &OsStr) -> io::Result<()> {
        match mkdirat(&self.0, name, Mode::from_raw_mode(NEW_FOLDER)) {
            Err(Errno::EXIST) => return Ok(()),
            made => made?,
        }
        let done = self.step(name).and_then(|made| Access::of(&self.0)?.give(&made.0)).and_then(|()| self.sync());
        if done.is_err() {
            let _ = unlinkat(&self.0, name, AtFlags::REMOVEDIR);
        }
        done
    }

    /// Takes the folder for this process, until it is dropped; false when another one has it.
    ///
    /// It needs no file that one process makes and the next one may not open.
    pub(crate) fn try_lock(&self) -> io::Result<bool> {
        match flock(&self.0, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Ok(false),
            done => Ok(done.map(|()| true)?),
        }
    }

    /// The file `name`, opened with `flags`; it is made if they say so. It is no link, and no pipe that would be waited for.
    pub(crate) fn file(&self, name: &OsStr, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(&self.0, name, flags, Mode::from_raw_mode(NEW_FILE)).map_err(|error| match error {
            Errno::LOOP => not_regular(name),
            error => error.into(),
        });
        let file = File::from(opened?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(not_regular(name)) }
    }

    /// What is known of the file `name`, if there is one; an error if it is no regular file.
    pub(crate) fn look(&self, name: &OsStr) -> io::Result<Option<Stat>> {
        match statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => Ok(Some(stat)),
            Ok(_) => Err(not_regular(name)),
        }
    }

    /// Puts a file with this text at `name`, at once and whole, for everybody who could use the one that was there. That one is kept
    /// beside it as `kept`, when there is such a name.
    pub(crate) fn replace(&self, name: &OsStr, text: &[u8], kept: Option<&OsStr>) -> io::Result<()> {
        let mut old = match self.file(name, OFlags::RDONLY) {
            Err(error) if error.kind() == ErrorKind::NotFound => return self.create(name, text),
            old => old.map_err(cannot("the old file cannot be read"))?,
        };
        let access = Access::of(&old)?;
        self.aside(name, text, &access, |aside| {
            if let Some(kept) = kept {
                let done = self.keep(name, &mut old, &access, kept);
                done.map_err(cannot(format_args!("the old file cannot be kept as {}", kept.to_string_lossy())))?;
            }
            renameat(&self.0, aside, &self.0, name).map_err(cannot("the new file cannot take its place"))
        })
    }

    /// Makes the file `name` with this text, at once and whole, for all who may use the folder; an error when there is one.
    pub(crate) fn create(&self, name: &OsStr, text: &[u8]) -> io::Result<()> {
        self.aside(name, text, &Access::of_new_file_in(&self.0)?, |aside| {
            // Unlike a renaming it fails when somebody has made the file meanwhile.
            linkat(&self.0, aside, &self.0, name, AtFlags::empty()).map_err(cannot("the new file cannot take its place"))?;
            self.remove(aside)
        })
    }

    /// Writes a file beside `name`, and has it put `in_place`. Nothing is left of it when that fails.
    fn aside(
        &self,
        name: &OsStr,
        text: &[u8],
        access: &Access,
        in_place: impl FnOnce(&OsStr) -> io::Result<()>,
    ) -> io::Result<()> {
        let aside = with_suffix(name, ".sentinel-new");
        // A crash may have left one.
        self.remove(&aside)?;
        self.write(&aside, text, access)?;
        let placed = in_place(&aside);
        if placed.is_err() {
            let _ = self.remove(&aside);
        }
        placed?;
        self.sync()
    }

    /// Writes a new file, and leaves nothing of it when that fails.
    fn write(&self, name: &OsStr, mut text: impl Read, access: &Access) -> io::Result<()> {
        let new = self.file(name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL);
        let mut new = new.map_err(cannot(format_args!("{} cannot be made", name.to_string_lossy())))?;
        let written = io::copy(&mut text, &mut new).and_then(|_| access.give(&new)).and_then(|()| new.sync_all());
        if written.is_err() {
            let _ = self.remove(name);
        }
        written.map_err(cannot(format_args!("{} cannot be written", name.to_string_lossy())))
    }

    /// Gives the file `name` a second name: itself, or, where its own may not be given to a file that is somebody else's, to a copy.
    fn keep(&self, name: &OsStr, old: &mut File, access: &Access, kept: &OsStr) -> io::Result<()> {
        match linkat(&self.0, name, &self.0, kept, AtFlags::empty()) {
            // One of this very second is kept already.
            Err(Errno::EXIST) => Ok(()),
            // Debian does not let anybody link what he may not write (fs.protected_hardlinks).
            Err(Errno::PERM) => self.write(kept, old, access),
            done => Ok(done?),
        }
    }

    /// Takes away a lock that is older than `limit` and that nobody holds, and keeps it as `kept`.
    pub(crate) fn take_lock(&self, name: &OsStr, limit: Duration, kept: &OsStr) -> io::Result<()> {
        let lock = self.file(name, OFlags::RDONLY)?;
        let age =
            |file: &File| Ok::<_, io::Error>(SystemTime::now().duration_since(file.metadata()?.modified()?).unwrap_or_default());
        if lock.try_lock().is_err() {
            return Err(io::Error::other("a process holds it"));
        }
        let examined = fstat(&lock)?;
        let same = |stat: &Stat| (stat.st_dev, stat.st_ino) == (examined.st_dev, examined.st_ino);
        if age(&lock)? <= limit || !self.look(name)?.is_some_and(|stat| same(&stat)) {
            return Err(io::Error::other("it was renewed a moment ago"));
        }
        renameat(&self.0, name, &self.0, kept)?;
        // Somebody may have renewed it between the look and the renaming: then it is put back.
        if !self.look(kept)?.is_some_and(|stat| same(&stat)) || age(&lock)? <= limit {
            match renameat_with(&self.0, kept, &self.0, name, RenameFlags::NOREPLACE) {
                Err(Errno::EXIST) => self.remove(kept)?,
                done => done.map_err(cannot(format_args!("it was renewed and is now {}", kept.to_string_lossy())))?,
            }
            return Err(io::Error::other("it was renewed at this moment"));
        }
        self.sync()
    }

    /// Takes the file `name` away, if there is one.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match unlinkat(&self.0, name, AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(()),
            done => done.map_err(cannot(format_args!("{} cannot be removed", name.to_string_lossy()))),
        }
    }

    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }
}

/// Says before an error what it was that failed.
fn cannot<E: Into<io::Error>>(what: impl Display) -> impl FnOnce(E) -> io::Error {
    move |error| {
        let error = error.into();
        io::Error::new(error.kind(), format!("{what}: {error}"))
    }
}

fn not_regular(name: &OsStr) -> io::Error {
    io::Error::other(format!("{} is a link, or no regular file", name.to_string_lossy()))
}

pub(crate) fn with_suffix(name: &OsStr, suffix: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(suffix);
    name
}
