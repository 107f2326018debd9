// SPDX-License-Identifier: Apache-2.0
// write_line: one line a flow, for people at a terminal.
#include <array>
#include <ctime>

#include "fingerprint/text.h"
#include "record/facts.h"
#include "record/utf8.h"
#include "record/writer.h"

namespace handprint {
namespace {

// Characters that print as themselves: no control, nothing invisible or that turns the direction of
// text (Unicode format characters), no private use, no line separators.
bool printable(uint32_t code) {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad) return false;
  if (code == 0x61c || code == 0x180e || code == 0xfeff) return false;
  if ((code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e)) return false;
  if (code >= 0x2060 && code <= 0x206f) return false;
  if ((code >= 0xe000 && code <= 0xf8ff) || (code >= 0xfff0 && code <= 0xffff)) return false;
  return code < 0xe0000;
}

enum class Colour : uint8_t { none, dim, process, name, fingerprint, warning };

std::string_view start_of(Colour colour) {
  switch (colour) {
    case Colour::none: return "";
    case Colour::dim: return "\x1b[2m";
    case Colour::process: return "\x1b[1;32m";
    case Colour::name: return "\x1b[36m";
    case Colour::fingerprint: return "\x1b[33m";
    case Colour::warning: return "\x1b[31m";
  }
  return "";
}

// A line that knows how many columns it may still take.
class Line {
 public:
  Line(std::string& out, bool colours, size_t width)
      : out_(out), colours_(colours), left_(width == 0 ? SIZE_MAX : width) {}

  // Text that holds nothing for a terminal to act on: one column a character.
  void put(std::string_view safe, Colour colour = Colour::none) {
    if (left_ == 0 || safe.empty()) return;
    const bool paint = colours_ && colour != Colour::none;
    if (paint) out_ += start_of(colour);
    while (!safe.empty() && left_ > 0) {
      const size_t length = utf8_front(safe).length;
      --left_;
      // The last column says that there was more.
      if (left_ == 0 && safe.size() > length) {
        out_ += "…";
      } else {
        out_ += safe.substr(0, length);
      }
      safe.remove_prefix(length);
    }
    if (paint) out_ += "\x1b[0m";
  }
  // A new field, two blanks behind the one before; `columns` wide at least.
  void field(std::string_view text, Colour colour, size_t columns = 0) {
    if (begun_) put("  ");
    begun_ = true;
    put(text, colour);
    size_t have = 0;
    for (std::string_view rest = text; !rest.empty(); ++have)
      rest.remove_prefix(utf8_front(rest).length);
    for (; have < columns; ++have) put(" ");
  }

 private:
  std::string& out_;
  bool colours_;
  size_t left_;
  bool begun_ = false;
};

std::string local_time(int64_t wall_ns) {
  const time_t seconds = static_cast<time_t>(wall_ns / 1'000'000'000 - (wall_ns % 1'000'000'000 < 0));
  const auto millis =
      static_cast<uint64_t>(wall_ns - static_cast<int64_t>(seconds) * 1'000'000'000) / 1'000'000;
  tm parts{};
  localtime_r(&seconds, &parts);
  std::array<char, 16> clock{};
  const size_t size = std::strftime(clock.data(), clock.size(), "%H:%M:%S", &parts);
  std::string out(clock.data(), size);
  const std::string fraction = std::to_string(millis);
  return out + "." + std::string(3 - fraction.size(), '0') + fraction;
}

std::string process_text(const ProcessView& process) {
  std::string out;
  if (!process.known()) return out;
  write_terminal_text(process.name(), out);
  if (out.empty()) out = "?";
  return out + "[" + std::to_string(process.pid().value_or(0)) + "]";
}

std::string endpoint_text(const Endpoint& end) {
  std::array<char, 64> room;
  Text text(room);
  write(end.address, text);
  std::string out(text.view());
  if (end.address.v6()) out = "[" + out + "]";
  return out + ":" + std::to_string(end.port);
}

}  // namespace

void write_terminal_text(std::string_view text, std::string& out) {
  while (!text.empty()) {
    const Utf8Character character = utf8_front(text);
    const size_t length = character.length == 0 ? 1 : character.length;
    if (character.length != 0 && printable(character.code) && character.code != '\\') {
      out += text.substr(0, length);
    } else if (character.length != 0 && character.code == '\\') {
      out += "\\\\";
    } else {
      for (size_t i = 0; i < length; ++i) {
        out += "\\x";
        out.append(&detail::hex_pairs[2 * static_cast<size_t>(static_cast<uint8_t>(text[i]))], 2);
      }
    }
    text.remove_prefix(length);
  }
}

void write_line(const Document& document, const RecordContext& context, bool colours, std::string& out,
                size_t width) {
  const Facts f(document, context);
  const auto safe = [](std::string_view text) {
    std::string result;
    write_terminal_text(text, result);
    return result;
  };
  Line line(out, colours, width);
  line.field(local_time(f.first().ns), Colour::dim);

  if (f.main().known()) {
    line.field(process_text(f.main()), Colour::process, 20);
  } else if (!f.direction().empty()) {
    line.field("unknown", Colour::warning, 20);
  } else if (!document.from_file) {
    line.field("-", Colour::dim, 20);
  }
  line.field(endpoint_text(document.client) + " -> " + endpoint_text(document.server), Colour::none);
  if (f.server_process().known() && &f.server_process() != &f.main())
    line.put(" " + process_text(f.server_process()), Colour::process);

  const std::string_view asked = f.server_name().empty() ? f.url_domain() : f.server_name();
  if (!asked.empty()) line.field(safe(asked), Colour::name);
  if (!f.http_method().empty()) {
    std::string request = safe(f.http_method()) + " " + safe(f.url_original());
    line.field(request, Colour::none);
  }
  if (f.http_status()) line.field(std::to_string(*f.http_status()), Colour::none);
  for (const Observation& one : document.observations)
    if (one.kind == Kind::ja4) line.field(safe(one.text), Colour::fingerprint);

  std::string protocols;
  for (std::string_view protocol : document.protocols)
    protocols += (protocols.empty() ? "" : " ") + safe(protocol);
  if (!protocols.empty()) line.field(protocols, Colour::none);
  if (document.part > 1) line.field("part " + std::to_string(document.part), Colour::dim);
  if (!document.incomplete.empty()) {
    std::string text = "incomplete:";
    for (const IncompleteFact& fact : document.incomplete)
      text += " " + safe(fact.what) + " " + std::string(name(fact.reason));
    line.field(text, Colour::warning);
  }
  out += '\n';
}

}  // namespace handprint
