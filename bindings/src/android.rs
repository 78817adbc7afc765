//! What Android wants beside the library itself: its trust in certificates is asked for through the JVM.

#![expect(unreachable_pub, reason = "the JVM finds it by its name, and `jni_mangle` asks for `pub`")]

use jni::errors::ThrowRuntimeExAndDefault;
use jni::objects::{JClass, JObject};
use jni::{EnvUnowned, jni_mangle};

/// `me.secondme.avatar.android.AvatarAndroid.initialize(context)`, called once before the first client is made.
#[jni_mangle("me.secondme.avatar.android.AvatarAndroid")]
pub fn initialize_core<'caller>(mut env: EnvUnowned<'caller>, _: JClass<'caller>, context: JObject<'caller>) {
    let initialized = env.with_env(|env| rustls_platform_verifier::android::init_with_env(env, context));
    initialized.resolve::<ThrowRuntimeExAndDefault>();
}
