//! From librdkafka's errors to those of the log.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::LogError;

/// The error of a client that could not be made, without the values of secret parameters.
pub(super) fn of_creation(error: &KafkaError, secret_parameters: &[&str]) -> LogError {
    LogError::Misconfigured(match error {
        KafkaError::ClientConfig(_, reason, parameter, _) if secret_parameters.contains(&parameter.as_str()) => {
            format!("{parameter}: {reason}")
        }
        other => other.to_string(),
    })
}

/// An unreachable cluster, a refused request, or anything else that may pass.
pub(super) fn unavailable(attempt: &str, error: &dyn std::error::Error) -> LogError {
    LogError::Unavailable { reason: format!("failed to {attempt}: {error}") }
}

pub(super) fn is_unknown_topic(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition)
}

/// Whether it goes on until somebody mends something outside of pageberg.
pub(super) fn needs_somebody(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{
        Authentication, BadCompression, BadMessage, ClusterAuthorizationFailed, GroupAuthorizationFailed,
        InvalidMessage, InvalidSessionTimeout, SaslAuthenticationFailed, TopicAuthorizationFailed,
        TransactionalIdAuthorizationFailed, UnsupportedCompressionType,
    };
    let lasting = [
        Authentication,
        BadCompression,
        BadMessage,
        ClusterAuthorizationFailed,
        GroupAuthorizationFailed,
        InvalidMessage,
        InvalidSessionTimeout,
        SaslAuthenticationFailed,
        TopicAuthorizationFailed,
        TransactionalIdAuthorizationFailed,
        UnsupportedCompressionType,
    ];
    lasting.contains(&code)
}

/// Whether records that the brokers gave do not hold their checksum.
pub(super) fn is_damage(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{BadCompression, BadMessage, InvalidMessage};
    matches!(error.rdkafka_error_code(), Some(BadCompression | BadMessage | InvalidMessage))
}

/// Whether the group has, or is about to have, a newer generation than the one that a commit was made for.
pub(super) fn is_fenced(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{
        Fenced, FencedInstanceId, IllegalGeneration, ProducerFenced, RebalanceInProgress, UnknownMemberId,
    };
    let fenced = [Fenced, FencedInstanceId, IllegalGeneration, ProducerFenced, RebalanceInProgress, UnknownMemberId];
    fenced.contains(&code)
}
