//! Names the fields of a pod specification that hold images.

use std::borrow::Cow;
use std::fmt;

use super::container::Container;

/// A list of the pod specification that holds images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageList {
    /// `initContainers`, native sidecars among them.
    InitContainers,
    /// `containers`.
    Containers,
    /// `ephemeralContainers`.
    EphemeralContainers,
    /// `volumes[].image`.
    Volumes,
}

impl ImageList {
    pub(super) const ALL: [Self; 4] =
        [Self::InitContainers, Self::Containers, Self::EphemeralContainers, Self::Volumes];
}

/// The place of an image in a pod specification, displayed as a JSON Pointer: `/containers/0/image`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The list of containers or volumes.
    pub list: ImageList,
    /// The index in the list, counted from 0.
    pub index: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (list, field) = match self.list {
            ImageList::InitContainers => ("initContainers", "image"),
            ImageList::Containers => ("containers", "image"),
            ImageList::EphemeralContainers => ("ephemeralContainers", "image"),
            ImageList::Volumes => ("volumes", "image/reference"),
        };
        write!(f, "/{list}/{}/{field}", self.index)
    }
}

/// One image field of a pod.
#[derive(Debug, Clone, Copy)]
pub struct Image<'o, 'a> {
    /// The place of the field.
    pub place: Place,
    /// The name of the container or volume.
    pub name: &'o str,
    /// The image reference as it is written in the pod.
    pub reference: &'o str,
    /// The container; `None` for a volume.
    pub container: Option<&'o Container<'a>>,
}

impl<'o> Image<'o, '_> {
    /// Returns the key of the image in annotations: the container's name, or `volume:NAME`.
    pub fn key(&self) -> Cow<'o, str> {
        match self.place.list {
            ImageList::Volumes => Cow::Owned(format!("volume:{}", self.name)),
            _ => Cow::Borrowed(self.name),
        }
    }
}
