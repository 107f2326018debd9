// SPDX-License-Identifier: Apache-2.0
#include "record/quic_names.h"

#include "fingerprint/quic_packet.h"

namespace handprint {

std::string_view quic_parameter_name(uint64_t id) {
  // RFC 9000 section 18.2 and the registry, then what browsers send beside it.
  switch (id) {
    case 0x00: return "original_destination_connection_id";
    case 0x01: return "max_idle_timeout";
    case 0x02: return "stateless_reset_token";
    case 0x03: return "max_udp_payload_size";
    case 0x04: return "initial_max_data";
    case 0x05: return "initial_max_stream_data_bidi_local";
    case 0x06: return "initial_max_stream_data_bidi_remote";
    case 0x07: return "initial_max_stream_data_uni";
    case 0x08: return "initial_max_streams_bidi";
    case 0x09: return "initial_max_streams_uni";
    case 0x0a: return "ack_delay_exponent";
    case 0x0b: return "max_ack_delay";
    case 0x0c: return "disable_active_migration";
    case 0x0d: return "preferred_address";
    case 0x0e: return "active_connection_id_limit";
    case 0x0f: return "initial_source_connection_id";
    case 0x10: return "retry_source_connection_id";
    case 0x11: return "version_information";
    case 0x20: return "max_datagram_frame_size";
    case 0x173e: return "discard";
    case 0x26ab: return "google_handshake_message";
    case 0x2ab2: return "grease_quic_bit";
    case 0x3127: return "initial_rtt";
    case 0x3128: return "google_connection_options";
    case 0x3129: return "user_agent";
    case 0x4752: return "google_version";
    case 0x0f739bbc1b666d05: return "enable_multipath_draft_05";
    case 0x0f739bbc1b666d06: return "enable_multipath_draft_06";
    case 0xff04de1b: return "min_ack_delay";
    case 0xff73db: return "version_information_draft";
    default: return quic_parameter_is_reserved(id) ? "GREASE" : "";
  }
}

}  // namespace handprint
