//! The names under which a store keeps what belongs to an avatar.

use std::fmt;
use std::str::FromStr;

use secondme_avatar_protocol::{ApiKey, Door, Identity, VISITOR_NAMESPACE};
use uuid::Uuid;

use crate::base_url::BaseUrl;
use crate::store::error::StoreError;

/// Names an avatar in a store, so that several avatars can share a store. It is a fingerprint: nothing of the avatar
/// can be recovered from it.
///
/// A store of your own keeps it as text, and parses that text again:
///
/// ```
/// use secondme_avatar::AvatarRef;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let avatar = AvatarRef::of_namespace("support-bot");
/// assert_eq!(avatar.to_string().parse::<AvatarRef>()?, avatar);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AvatarRef {
    form: Form,
    id: Uuid,
}

/// What the fingerprint was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Form {
    /// The key, the door and the base URL, as in stores of earlier versions.
    Former,
    /// What authentication says of the avatar.
    Avatar,
    /// The key alone: Visitor Chat says nothing of the avatar that stays.
    Key,
    /// The caller's own name for it.
    Namespace,
}

/// The forms and how they begin in text.
const FORMS: [(Form, &str); 4] =
    [(Form::Avatar, "avatar-"), (Form::Key, "key-"), (Form::Namespace, "name-"), (Form::Former, "")];

impl AvatarRef {
    /// Returns the name for the avatar with this share code and this owner, as authentication answers them. All of
    /// its keys, at every base URL, lead to the same name.
    pub fn of_avatar(share_code: &str, owner_user_id: &str) -> Self {
        Self { form: Form::Avatar, id: fingerprint(&format!("avatar\n{owner_user_id}\n{share_code}")) }
    }

    /// Returns the name for an avatar that the caller has named:
    /// [`store_namespace`](crate::ClientBuilder::store_namespace).
    pub fn of_namespace(name: &str) -> Self {
        Self { form: Form::Namespace, id: fingerprint(&format!("namespace\n{name}")) }
    }

    /// Returns the name under which earlier versions filed what belongs to the avatar of this key.
    pub fn former(key: KeyRef) -> Self {
        Self { form: Form::Former, id: key.0 }
    }

    /// Whether an earlier version has filed it, under its key and base URL.
    pub fn is_former(&self) -> bool {
        self.form == Form::Former
    }

    pub(crate) fn of_identity(identity: &Identity) -> Self {
        Self::of_avatar(identity.share_code.as_str(), identity.owner_user_id.as_str())
    }

    /// The name for the avatar of this key behind Visitor Chat.
    pub(crate) fn of_visitor_chat(key: &ApiKey) -> Self {
        let name = format!("{}\n{}", Door::VisitorChat, key.expose_secret());
        Self { form: Form::Key, id: fingerprint(&name) }
    }
}

impl fmt::Display for AvatarRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = FORMS.iter().find(|(form, _)| *form == self.form).map_or("", |(_, prefix)| prefix);
        write!(f, "{prefix}{}", self.id)
    }
}

impl FromStr for AvatarRef {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let read = |(form, prefix): &(Form, &str)| {
            let id = text.strip_prefix(prefix)?;
            // A UUID has other spellings, which are not ours.
            let id = id.parse::<Uuid>().ok().filter(|parsed| parsed.to_string() == id)?;
            Some(Self { form: *form, id })
        };
        FORMS.iter().find_map(read).ok_or_else(|| {
            StoreError::new(
                "this is not the name of an avatar in a store: write it as the store lists it, such as \
                 `avatar-550e8400-e29b-41d4-a716-446655440000`",
            )
        })
    }
}

/// Names an API key in a store, together with the door and the base URL it is used with. It is a fingerprint, from
/// which none of them can be recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyRef(Uuid);

impl KeyRef {
    /// Returns the name of this key, behind this door, at this base URL.
    pub fn new(door: Door, key: &ApiKey, base: &BaseUrl) -> Self {
        let key = key.expose_secret();
        Self(match door {
            Door::AvatarOpenApi => fingerprint(&format!("{base}\n{key}")),
            Door::VisitorChat => fingerprint(&format!("{door}\n{base}\n{key}")),
        })
    }

    /// The name for what a client without a key has in the place of one: such clients of several avatars need a
    /// [namespace](crate::ClientBuilder::store_namespace) each.
    pub(crate) fn without_key(base: &BaseUrl) -> Self {
        Self(fingerprint(&format!("credentials\n{base}")))
    }
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn fingerprint(name: &str) -> Uuid {
    Uuid::new_v5(&VISITOR_NAMESPACE, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_store_is_read_as_it_was_written_and_other_text_is_refused() {
        let key: ApiKey = "sk-store".parse().unwrap();
        let former = AvatarRef::former(KeyRef::new(Door::AvatarOpenApi, &key, &BaseUrl::default()));
        assert_eq!(
            former.to_string(),
            "b12f1b42-7862-5c73-b060-d3f5a52ed09f",
            "as earlier versions wrote it"
        );
        for name in [
            former,
            AvatarRef::of_avatar("code", "owner"),
            AvatarRef::of_namespace("bot"),
            AvatarRef::of_visitor_chat(&key),
        ] {
            assert_eq!(name.to_string().parse::<AvatarRef>().unwrap(), name);
        }
        for text in ["", "avatar-", "bot", "avatar-B12F1B42-7862-5C73-B060-D3F5A52ED09F", "avatar-key-b12f"] {
            let error = text.parse::<AvatarRef>().unwrap_err().to_string();
            assert!(error.contains("as the store lists it"), "{text}: {error}");
        }
    }
}
