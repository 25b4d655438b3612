//! Who may do what with a file: its owner, its group, its mode, and its access control list if it has one.
//!
//! A file is replaced by a new one, which belongs to whoever made it, and only root can give it away. What the old owner and group
//! could do stands in the new file's access control list then (acl(5)): nobody loses what he had, whatever groups he is in and
//! whatever the mask of this process is.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::fchown;

use rustix::fs::{Mode, XattrFlags, fchmod, fgetxattr, fsetxattr, fstat};
use rustix::io::Errno;

use super::cannot;

/// The attribute with the list of a file, and that of a folder with what new files in it get.
const LIST: &str = "system.posix_acl_access";
const LIST_OF_NEW_FILES: &str = "system.posix_acl_default";
/// The form of both, and the most bytes that an attribute has.
const VERSION: u32 = 2;
const MAX_BYTES: usize = 64 << 10;

// The kinds of entries, which stand in the order of these numbers.
const OWNER: u16 = 0x01;
const USER: u16 = 0x02;
const OWNING_GROUP: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHERS: u16 = 0x20;
/// The id of an entry that names nobody.
const NO_ID: u32 = u32::MAX;
/// Nothing that is made in a folder of files is executed.
const READ_AND_WRITE: u16 = 0o6;

/// Permissions from 0 to 7, by kind and id.
type Entries = BTreeMap<(u16, u32), u16>;

/// Who may do what.
pub(super) struct Access {
    owner: u32,
    group: u32,
    entries: Entries,
}

impl Access {
    /// That of an open file or folder.
    pub(super) fn of(file: impl AsFd) -> io::Result<Self> {
        let stat = fstat(&file)?;
        let entries = list(&file, LIST)?.unwrap_or_else(|| of_mode(stat.st_mode));
        Ok(Self { owner: stat.st_uid, group: stat.st_gid, entries })
    }

    /// That of a new file: who may read or write in its folder may read or write it.
    pub(super) fn of_new_file_in(folder: impl AsFd) -> io::Result<Self> {
        let mut access = Self::of(&folder)?;
        if let Some(entries) = list(&folder, LIST_OF_NEW_FILES)? {
            access.entries = entries;
        }
        access.entries.values_mut().for_each(|permissions| *permissions &= READ_AND_WRITE);
        Ok(access)
    }

    /// Gives it to what this process has just made; an error when somebody would have less.
    pub(super) fn give(&self, made: impl AsFd) -> io::Result<()> {
        let mut stat = fstat(&made)?;
        if (stat.st_uid, stat.st_gid) != (self.owner, self.group) {
            // Whoever is not root can at best choose one of his groups, and not even that under the filter of a service manager.
            if fchown(&made, Some(self.owner), Some(self.group)).is_err() {
                let _ = fchown(&made, None, Some(self.group));
            }
            stat = fstat(&made)?;
        }
        let entries = self.entries_for(stat.st_uid, stat.st_gid);
        match fsetxattr(&made, LIST, &to_bytes(&entries), XattrFlags::empty()) {
            // A file system without lists will do for the three entries that a mode is.
            Err(Errno::OPNOTSUPP) if entries.len() == 3 => Ok(fchmod(&made, to_mode(&entries))?),
            done => done.map_err(cannot(format_args!("what uid {} and gid {} may do cannot be kept", self.owner, self.group))),
        }
    }

    /// The list with which everybody may do the same with what has this owner and this group.
    fn entries_for(&self, owner: u32, group: u32) -> Entries {
        let mut entries = self.entries.clone();
        let of = |entries: &Entries, kind| entries.get(&(kind, NO_ID)).copied().unwrap_or(0);
        let masked = |(kind, _): &(u16, u32)| [USER, OWNING_GROUP, GROUP].contains(kind);
        // What a mask held back is to stay so under the new one, which is all that these entries have.
        if let Some(mask) = entries.remove(&(MASK, NO_ID)) {
            entries.iter_mut().filter(|(entry, _)| masked(entry)).for_each(|(_, permissions)| *permissions &= mask);
        }
        if owner != self.owner {
            entries.insert((USER, self.owner), of(&entries, OWNER));
        }
        if group != self.group {
            *entries.entry((GROUP, self.group)).or_default() |= of(&entries, OWNING_GROUP);
            // To the old file the new group was one of the others.
            entries.insert((OWNING_GROUP, NO_ID), of(&entries, OTHERS));
        }
        if entries.keys().any(|(kind, _)| [USER, GROUP].contains(kind)) {
            let mask = entries.iter().filter(|(entry, _)| masked(entry)).fold(0, |mask, (_, permissions)| mask | permissions);
            entries.insert((MASK, NO_ID), mask);
        }
        entries
    }
}

/// The list in an attribute, if there is one.
fn list(file: impl AsFd, name: &str) -> io::Result<Option<Entries>> {
    let mut bytes = vec![0; MAX_BYTES];
    let len = match fgetxattr(file, name, &mut bytes) {
        Err(Errno::NODATA | Errno::OPNOTSUPP) => return Ok(None),
        len => len?,
    };
    let (entries, _) = bytes[..len].get(size_of_val(&VERSION)..).unwrap_or_default().as_chunks();
    let entry = |&[kind0, kind1, permissions0, permissions1, ref id @ ..]: &[u8; 8]| {
        let kind = u16::from_le_bytes([kind0, kind1]);
        ((kind, u32::from_le_bytes(*id)), u16::from_le_bytes([permissions0, permissions1]))
    };
    Ok(Some(entries.iter().map(entry).collect()))
}

fn to_bytes(entries: &Entries) -> Vec<u8> {
    let mut bytes = VERSION.to_le_bytes().to_vec();
    for ((kind, id), permissions) in entries {
        bytes.extend([kind.to_le_bytes(), permissions.to_le_bytes()].concat());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

const IN_MODE: [(u16, u32); 3] = [(OWNER, 6), (OWNING_GROUP, 3), (OTHERS, 0)];

fn of_mode(mode: u32) -> Entries {
    IN_MODE.map(|(kind, shift)| ((kind, NO_ID), (mode >> shift & 0o7) as u16)).into()
}

fn to_mode(entries: &Entries) -> Mode {
    let bits = IN_MODE.map(|(kind, shift)| u32::from(entries.get(&(kind, NO_ID)).copied().unwrap_or(0)) << shift);
    Mode::from_raw_mode(bits.iter().sum())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::Path;

    use super::*;

    /// Of uid 1 and gid 1, as getfacl(1) would show it.
    fn kept_for(entries: &[(u16, u32, u16)], owner: u32, group: u32) -> Vec<(u16, u32, u16)> {
        let entries = entries.iter().map(|(kind, id, permissions)| ((*kind, *id), *permissions)).collect();
        let kept = Access { owner: 1, group: 1, entries }.entries_for(owner, group);
        kept.into_iter().map(|((kind, id), permissions)| (kind, id, permissions)).collect()
    }

    #[test]
    fn who_loses_a_file_keeps_what_he_could_do_with_it() {
        let mode = [(OWNER, NO_ID, 6), (OWNING_GROUP, NO_ID, 4), (OTHERS, NO_ID, 0)];
        assert_eq!(kept_for(&mode, 1, 1), mode);
        let [owner, group, others] = mode;
        let expected = [owner, (USER, 1, 6), group, (MASK, NO_ID, 6), others];
        assert_eq!(kept_for(&mode, 2, 1), expected);
        // The new group had what others have.
        let new = (OWNING_GROUP, NO_ID, 0);
        assert_eq!(kept_for(&mode, 1, 2), [owner, new, (GROUP, 1, 4), (MASK, NO_ID, 4), others]);
        assert_eq!(kept_for(&mode, 2, 2), [owner, (USER, 1, 6), new, (GROUP, 1, 4), (MASK, NO_ID, 6), others]);
    }

    #[test]
    fn a_list_goes_on_with_what_it_allowed() {
        // The mask holds user 5 and the group back, and not the owner.
        let list = [
            (OWNER, NO_ID, 6),
            (USER, 1, 4),
            (USER, 5, 6),
            (OWNING_GROUP, NO_ID, 6),
            (GROUP, 1, 2),
            (MASK, NO_ID, 4),
            (OTHERS, NO_ID, 0),
        ];
        let expected = [
            (OWNER, NO_ID, 6),
            (USER, 1, 6),
            (USER, 5, 4),
            (OWNING_GROUP, NO_ID, 0),
            (GROUP, 1, 4),
            (MASK, NO_ID, 6),
            (OTHERS, NO_ID, 0),
        ];
        assert_eq!(kept_for(&list, 2, 2), expected);
    }

    #[test]
    fn a_list_is_read_back_as_it_was_given() {
        let path = std::env::temp_dir().join(format!("sentinel-access-{}", std::process::id()));
        let folder = path.as_path();
        fs::create_dir(folder).unwrap();
        let file = |name: &Path| File::create(folder.join(name)).unwrap();
        let (first, second) = (file(Path::new("first")), file(Path::new("second")));
        let mut access = Access::of(&first).unwrap();
        access.entries = of_mode(0o640);
        access.entries.extend([((USER, 4001), 6), ((MASK, NO_ID), 6)]);
        access.give(&first).unwrap();
        Access::of(&first).unwrap().give(&second).unwrap();
        assert_eq!(Access::of(&second).unwrap().entries, access.entries);
        // And a list that is too much is taken away.
        access.entries = of_mode(0o604);
        access.give(&second).unwrap();
        assert_eq!(Access::of(&second).unwrap().entries, of_mode(0o604));
        assert_eq!(list(&second, LIST).unwrap(), None);

        // New files in a folder get what its list of new files says, but for executing.
        let folder_list =
            to_bytes(&[of_mode(0o750), [((USER, 4001), 7), ((MASK, NO_ID), 7)].into()].into_iter().flatten().collect());
        let opened = File::open(folder).unwrap();
        fsetxattr(&opened, LIST_OF_NEW_FILES, &folder_list, XattrFlags::empty()).unwrap();
        let expected: Entries = [of_mode(0o640), [((USER, 4001), 6), ((MASK, NO_ID), 6)].into()].into_iter().flatten().collect();
        assert_eq!(Access::of_new_file_in(&opened).unwrap().entries, expected);
        fs::remove_dir_all(folder).unwrap();
    }
}
