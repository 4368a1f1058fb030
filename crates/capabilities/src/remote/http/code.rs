//! Why a request has no response: `error-code` of `wasi:http/types`, on the wire and in this process.

use weft_engine::http::HttpError;

#[derive(Debug)]
pub(super) struct DnsError {
    rcode: Option<String>,
    info_code: Option<u16>,
}
weft_wrpc::record!(DnsError {
    rcode,
    info_code: "info-code",
});

#[derive(Debug)]
pub(super) struct TlsAlert {
    alert_id: Option<u8>,
    alert_message: Option<String>,
}
weft_wrpc::record!(TlsAlert {
    alert_id: "alert-id",
    alert_message: "alert-message",
});

#[derive(Debug, Default)]
pub(super) struct FieldSize {
    field_name: Option<String>,
    field_size: Option<u32>,
}
weft_wrpc::record!(FieldSize {
    field_name: "field-name",
    field_size: "field-size",
});

/// The cases of `wasi:http/types.error-code`, in its order.
#[derive(Debug)]
pub(super) enum ErrorCode {
    DnsTimeout,
    DnsError(DnsError),
    DestinationNotFound,
    DestinationUnavailable,
    DestinationIpProhibited,
    DestinationIpUnroutable,
    ConnectionRefused,
    ConnectionTerminated,
    ConnectionTimeout,
    ConnectionReadTimeout,
    ConnectionWriteTimeout,
    ConnectionLimitReached,
    TlsProtocolError,
    TlsCertificateError,
    TlsAlertReceived(TlsAlert),
    RequestDenied,
    RequestLengthRequired,
    RequestBodySize(Option<u64>),
    RequestMethodInvalid,
    RequestUriInvalid,
    RequestUriTooLong,
    RequestHeaderSectionSize(Option<u32>),
    RequestHeaderSize(Option<FieldSize>),
    RequestTrailerSectionSize(Option<u32>),
    RequestTrailerSize(FieldSize),
    ResponseIncomplete,
    ResponseHeaderSectionSize(Option<u32>),
    ResponseHeaderSize(FieldSize),
    ResponseBodySize(Option<u64>),
    ResponseTrailerSectionSize(Option<u32>),
    ResponseTrailerSize(FieldSize),
    ResponseTransferCoding(Option<String>),
    ResponseContentCoding(Option<String>),
    ResponseTimeout,
    UpgradeFailed,
    ProtocolError,
    LoopDetected,
    ConfigurationError,
    InternalError(Option<String>),
}
weft_wrpc::variant!(ErrorCode {
    DnsTimeout: "DNS-timeout",
    DnsError(DnsError): "DNS-error",
    DestinationNotFound: "destination-not-found",
    DestinationUnavailable: "destination-unavailable",
    DestinationIpProhibited: "destination-IP-prohibited",
    DestinationIpUnroutable: "destination-IP-unroutable",
    ConnectionRefused: "connection-refused",
    ConnectionTerminated: "connection-terminated",
    ConnectionTimeout: "connection-timeout",
    ConnectionReadTimeout: "connection-read-timeout",
    ConnectionWriteTimeout: "connection-write-timeout",
    ConnectionLimitReached: "connection-limit-reached",
    TlsProtocolError: "TLS-protocol-error",
    TlsCertificateError: "TLS-certificate-error",
    TlsAlertReceived(TlsAlert): "TLS-alert-received",
    RequestDenied: "HTTP-request-denied",
    RequestLengthRequired: "HTTP-request-length-required",
    RequestBodySize(Option<u64>): "HTTP-request-body-size",
    RequestMethodInvalid: "HTTP-request-method-invalid",
    RequestUriInvalid: "HTTP-request-URI-invalid",
    RequestUriTooLong: "HTTP-request-URI-too-long",
    RequestHeaderSectionSize(Option<u32>): "HTTP-request-header-section-size",
    RequestHeaderSize(Option<FieldSize>): "HTTP-request-header-size",
    RequestTrailerSectionSize(Option<u32>): "HTTP-request-trailer-section-size",
    RequestTrailerSize(FieldSize): "HTTP-request-trailer-size",
    ResponseIncomplete: "HTTP-response-incomplete",
    ResponseHeaderSectionSize(Option<u32>): "HTTP-response-header-section-size",
    ResponseHeaderSize(FieldSize): "HTTP-response-header-size",
    ResponseBodySize(Option<u64>): "HTTP-response-body-size",
    ResponseTrailerSectionSize(Option<u32>): "HTTP-response-trailer-section-size",
    ResponseTrailerSize(FieldSize): "HTTP-response-trailer-size",
    ResponseTransferCoding(Option<String>): "HTTP-response-transfer-coding",
    ResponseContentCoding(Option<String>): "HTTP-response-content-coding",
    ResponseTimeout: "HTTP-response-timeout",
    UpgradeFailed: "HTTP-upgrade-failed",
    ProtocolError: "HTTP-protocol-error",
    LoopDetected: "loop-detected",
    ConfigurationError: "configuration-error",
    InternalError(Option<String>): "internal-error",
});

/// Says which cases of the two are the same. Those whose payload is a record on the wire stand in the macro itself.
macro_rules! convert {
    ($($case:ident $(($payload:ident))? = $error:ident,)*) => {
        impl From<ErrorCode> for HttpError {
            fn from(code: ErrorCode) -> Self {
                match code {
                    $(ErrorCode::$case $(($payload))? => Self::$error $(($payload))?,)*
                    ErrorCode::DnsError(DnsError { rcode, info_code }) => {
                        Self::DnsError { rcode, info_code }
                    }
                    ErrorCode::TlsAlertReceived(TlsAlert { alert_id, alert_message }) => {
                        Self::TlsAlertReceived { alert_id, alert_message }
                    }
                    ErrorCode::RequestHeaderSize(size) => {
                        let FieldSize { field_name, field_size } = size.unwrap_or_default();
                        Self::HttpRequestHeaderSize { field_name, field_size }
                    }
                    ErrorCode::RequestTrailerSize(FieldSize { field_name, field_size }) => {
                        Self::HttpRequestTrailerSize { field_name, field_size }
                    }
                    ErrorCode::ResponseHeaderSize(FieldSize { field_name, field_size }) => {
                        Self::HttpResponseHeaderSize { field_name, field_size }
                    }
                    ErrorCode::ResponseTrailerSize(FieldSize { field_name, field_size }) => {
                        Self::HttpResponseTrailerSize { field_name, field_size }
                    }
                }
            }
        }

        impl From<&HttpError> for ErrorCode {
            fn from(error: &HttpError) -> Self {
                let size = |name: &Option<String>, size: &Option<u32>| FieldSize {
                    field_name: name.clone(),
                    field_size: *size,
                };
                match error {
                    $(HttpError::$error $(($payload))? => Self::$case $((Clone::clone($payload)))?,)*
                    HttpError::DnsError { rcode, info_code } => Self::DnsError(DnsError {
                        rcode: rcode.clone(),
                        info_code: *info_code,
                    }),
                    HttpError::TlsAlertReceived { alert_id, alert_message } => {
                        Self::TlsAlertReceived(TlsAlert {
                            alert_id: *alert_id,
                            alert_message: alert_message.clone(),
                        })
                    }
                    HttpError::HttpRequestHeaderSize { field_name, field_size } => {
                        Self::RequestHeaderSize(Some(size(field_name, field_size)))
                    }
                    HttpError::HttpRequestTrailerSize { field_name, field_size } => {
                        Self::RequestTrailerSize(size(field_name, field_size))
                    }
                    HttpError::HttpResponseHeaderSize { field_name, field_size } => {
                        Self::ResponseHeaderSize(size(field_name, field_size))
                    }
                    HttpError::HttpResponseTrailerSize { field_name, field_size } => {
                        Self::ResponseTrailerSize(size(field_name, field_size))
                    }
                    // What went wrong in this process and is no case of the interface.
                    other => Self::InternalError(Some(other.to_string())),
                }
            }
        }
    };
}

convert! {
    DnsTimeout = DnsTimeout,
    DestinationNotFound = DestinationNotFound,
    DestinationUnavailable = DestinationUnavailable,
    DestinationIpProhibited = DestinationIpProhibited,
    DestinationIpUnroutable = DestinationIpUnroutable,
    ConnectionRefused = ConnectionRefused,
    ConnectionTerminated = ConnectionTerminated,
    ConnectionTimeout = ConnectionTimeout,
    ConnectionReadTimeout = ConnectionReadTimeout,
    ConnectionWriteTimeout = ConnectionWriteTimeout,
    ConnectionLimitReached = ConnectionLimitReached,
    TlsProtocolError = TlsProtocolError,
    TlsCertificateError = TlsCertificateError,
    RequestDenied = HttpRequestDenied,
    RequestLengthRequired = HttpRequestLengthRequired,
    RequestBodySize(bytes) = HttpRequestBodySize,
    RequestMethodInvalid = HttpRequestMethodInvalid,
    RequestUriInvalid = HttpRequestUriInvalid,
    RequestUriTooLong = HttpRequestUriTooLong,
    RequestHeaderSectionSize(bytes) = HttpRequestHeaderSectionSize,
    RequestTrailerSectionSize(bytes) = HttpRequestTrailerSectionSize,
    ResponseIncomplete = HttpResponseIncomplete,
    ResponseHeaderSectionSize(bytes) = HttpResponseHeaderSectionSize,
    ResponseBodySize(bytes) = HttpResponseBodySize,
    ResponseTrailerSectionSize(bytes) = HttpResponseTrailerSectionSize,
    ResponseTransferCoding(coding) = HttpResponseTransferCoding,
    ResponseContentCoding(coding) = HttpResponseContentCoding,
    ResponseTimeout = HttpResponseTimeout,
    UpgradeFailed = HttpUpgradeFailed,
    ProtocolError = HttpProtocolError,
    LoopDetected = LoopDetected,
    ConfigurationError = ConfigurationError,
    InternalError(text) = InternalError,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_same_in_this_process_and_on_the_wire() {
        let size = || FieldSize {
            field_name: Some("cookie".to_owned()),
            field_size: Some(9),
        };
        for code in [
            ErrorCode::DnsError(DnsError {
                rcode: Some("NXDOMAIN".to_owned()),
                info_code: Some(3),
            }),
            ErrorCode::TlsAlertReceived(TlsAlert {
                alert_id: Some(42),
                alert_message: None,
            }),
            ErrorCode::ConnectionRefused,
            ErrorCode::RequestDenied,
            ErrorCode::RequestBodySize(Some(7)),
            ErrorCode::RequestHeaderSize(Some(size())),
            ErrorCode::RequestTrailerSize(size()),
            ErrorCode::ResponseHeaderSize(size()),
            ErrorCode::ResponseTrailerSize(size()),
            ErrorCode::ResponseContentCoding(Some("br".to_owned())),
            ErrorCode::InternalError(Some("no".to_owned())),
        ] {
            let text = format!("{code:?}");
            let error = HttpError::from(code);
            assert_eq!(format!("{:?}", ErrorCode::from(&error)), text);
        }
    }
}
