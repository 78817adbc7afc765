//! Steps 1, 2 and 4: the chat's context, the socket's address, the avatar, the binding.

use serde_json::{Value, json};

use super::Caller;
use super::body::Fields;
use crate::service::Service;
use crate::service::failure::{Code, Failure};
use crate::service::http::{Request, percent_decoded};
use crate::service::settings::Avatar;

impl Service {
    pub(super) fn chat_init(&mut self, caller: Caller, fields: Fields<'_>) -> Result<Value, Failure> {
        let share_code = fields.text("shareCode")?;
        let number = self.avatar_by_share_code(share_code)?.0;
        if number == caller.avatar {
            self.world.visitors[caller.visitor.0].initialised = Some(self.now);
        }
        let avatar = &self.settings.avatars[number];
        Ok(json!({
            "mindId": avatar.mind_id,
            "avatarName": avatar.name,
            "ownerUserId": avatar.owner_user_id,
            "opening": avatar.opening,
        }))
    }

    pub(super) fn ws_create(
        &mut self,
        caller: Caller,
        fields: Fields<'_>,
        host: Option<&str>,
    ) -> Result<Value, Failure> {
        fields.own_user(&self.world.visitors[caller.visitor.0].user_id)?;
        let channels = fields.required("channel")?.as_array();
        if !channels.is_some_and(|channels| channels.iter().any(|channel| channel == "ALL")) {
            return Err(Failure::field_invalid("channel", "[\"ALL\"]"));
        }
        fields.text("apiVersion")?;
        fields.text("sdkVersion")?;
        Ok(self.give_address(caller.visitor, host))
    }

    pub(super) fn avatar_public(&mut self, request: &Request) -> Result<Value, Failure> {
        let share_code = request.path.rsplit('/').next().unwrap_or_default();
        let (_, avatar) = self.avatar_by_share_code(&percent_decoded(share_code))?;
        Ok(json!({
            "id": avatar.id,
            "shareCode": avatar.share_code,
            "avatarName": avatar.name,
            "ownerUserId": avatar.owner_user_id,
        }))
    }

    pub(super) fn chat_start(&mut self, caller: Caller, fields: Fields<'_>) -> Result<Value, Failure> {
        let avatar_id = fields.number("avatarId")?;
        let session_id = fields.id("sessionId")?;
        if self.settings.avatars[caller.avatar].id != avatar_id {
            let text = format!("`avatarId` {avatar_id} is not the avatar of this visitor");
            return Err(Failure::new(Code::AvatarNotFound, text));
        }
        self.own_session(caller, &session_id)?.bound = true;
        self.watch.touch(&session_id);
        Ok(Value::Null)
    }

    fn avatar_by_share_code(&self, share_code: &str) -> Result<(usize, &Avatar), Failure> {
        let mut avatars = self.settings.avatars.iter().enumerate();
        avatars
            .find(|(_, avatar)| avatar.share_code == share_code)
            .ok_or_else(|| Failure::new(Code::AvatarNotFound, format!("there is no avatar `{share_code}`")))
    }
}
