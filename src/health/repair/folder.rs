//! A folder in which files are changed, and out of which no link leads: every step of a path is taken from an open folder, without following.
//!
//! A link anywhere below the bot's folder is refused, so that whoever may write there cannot have other files changed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::fchown;
use std::path::{Component, Path};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fchmod, fstat, linkat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

/// Who may read and write a file that was not there before, unless the process's mask says less.
const NEW_FILE: u32 = 0o644;

/// An open folder.
pub(super) struct Folder(OwnedFd);

impl Folder {
    /// The folder at `root`, which itself may be a link: the configuration names it.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        Ok(Self(openat(CWD, root, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?))
    }

    /// The folder that holds `path`, which begins at this one, and the name of the file in it.
    pub(super) fn holding(root: &Path, path: &Path) -> io::Result<(Self, OsString)> {
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

    /// The file `name`, opened with `flags`; it is made if they say so. It is no link, and no pipe that would be waited for.
    pub(super) fn file(&self, name: &OsStr, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(&self.0, name, flags, Mode::from_raw_mode(NEW_FILE)).map_err(|error| match error {
            Errno::LOOP => not_regular(name),
            error => error.into(),
        });
        let file = File::from(opened?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(not_regular(name)) }
    }

    /// What is known of the file `name`, if there is one; an error if it is no regular file.
    pub(super) fn look(&self, name: &OsStr) -> io::Result<Option<Stat>> {
        match statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => Ok(Some(stat)),
            Ok(_) => Err(not_regular(name)),
        }
    }

    /// Puts a file with this text at `name`, at once and whole. The one that was there is kept beside it as `kept`.
    pub(super) fn replace(&self, name: &OsStr, text: &[u8], kept: &OsStr) -> io::Result<()> {
        let old = self.look(name)?;
        let aside = with_suffix(name, ".sentinel-new");
        // A crash may have left one.
        self.remove(&aside)?;
        let mut file = self.file(&aside, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)?;
        file.write_all(text)?;
        if let Some(old) = &old {
            fchmod(&file, Mode::from_raw_mode(old.st_mode))?;
        }
        // Run by root, it would not be the bot's file any more. For anybody else that fails, and need not be.
        let owner = match old {
            Some(old) => old,
            None => fstat(&self.0)?,
        };
        let _ = fchown(&file, Some(owner.st_uid), Some(owner.st_gid));
        file.sync_all()?;
        if old.is_some() {
            self.link(name, kept)?;
            renameat(&self.0, &aside, &self.0, name)?;
        } else {
            // Unlike a renaming it fails when somebody has made the file meanwhile.
            linkat(&self.0, &aside, &self.0, name, AtFlags::empty())?;
            self.remove(&aside)?;
        }
        self.sync()
    }

    /// Takes away a lock that is older than `limit` and that nobody holds, and keeps it as `kept`.
    pub(super) fn take_lock(&self, name: &OsStr, limit: Duration, kept: &OsStr) -> io::Result<()> {
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
            let back = self.link(kept, name);
            self.remove(kept)?;
            back?;
            return Err(io::Error::other("it was renewed at this moment"));
        }
        self.sync()
    }

    /// A second name for a file, which itself is no link.
    fn link(&self, name: &OsStr, second: &OsStr) -> io::Result<()> {
        match linkat(&self.0, name, &self.0, second, AtFlags::empty()) {
            // One of this very second is kept already.
            Err(Errno::EXIST) => Ok(()),
            result => Ok(result?),
        }
    }

    fn remove(&self, name: &OsStr) -> io::Result<()> {
        match unlinkat(&self.0, name, AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(()),
            result => Ok(result?),
        }
    }

    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }
}

fn not_regular(name: &OsStr) -> io::Error {
    io::Error::other(format!("{} is a link, or no regular file", name.to_string_lossy()))
}

pub(super) fn with_suffix(name: &OsStr, suffix: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(suffix);
    name
}
