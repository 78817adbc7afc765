//! A visitor's credentials from elsewhere: for a program that must not have the API key.

use std::future::Future;
use std::pin::Pin;

use secondme_avatar_protocol::{Credentials, Error, VisitorId};

/// What a [`CredentialsProvider`] is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialsRequest {
    /// Whose credentials are needed.
    pub visitor_id: VisitorId,
    /// The service has refused the credentials that were given last: the server has to get others.
    pub refused: bool,
}

impl CredentialsRequest {
    /// A request, for tests of a program's own [`CredentialsProvider`].
    pub fn new(visitor_id: VisitorId, refused: bool) -> Self {
        Self { visitor_id, refused }
    }
}

/// The credentials, or the reason why they could not be given.
pub type CredentialsFuture<'a> = Pin<Box<dyn Future<Output = Result<Credentials, Error>> + Send + 'a>>;

/// Gives visitors' credentials to a client that has no API key: see
/// [`AvatarClient::with_credentials`](crate::AvatarClient::with_credentials). Every async function of a
/// [`CredentialsRequest`] is one.
///
/// It is asked once for each visitor of whom the client has none, in its store neither, and again when the service has
/// refused them. An error of it is the error of the calls that wait; one that [may pass](Error::is_retryable) is tried
/// again within their deadlines, and one of kind [`Authentication`](crate::ErrorKind::Authentication) ends the
/// visitor's conversations: the user is not signed in any more. It is dropped once no call waits for
/// it, and after 20 s: then it is asked again within the deadlines of the calls that wait.
pub trait CredentialsProvider: Send + Sync + 'static {
    /// Returns the visitor's credentials, as [`AvatarClient::authenticate`](crate::AvatarClient::authenticate) gave
    /// them where the key is.
    fn credentials(&self, request: CredentialsRequest) -> CredentialsFuture<'_>;
}

impl<F, Fut> CredentialsProvider for F
where
    F: Fn(CredentialsRequest) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Credentials, Error>> + Send + 'static,
{
    fn credentials(&self, request: CredentialsRequest) -> CredentialsFuture<'_> {
        Box::pin(self(request))
    }
}
