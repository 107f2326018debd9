// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "fingerprint/reason.h"

namespace handprint {

// What went wrong outside the packet path (files, configuration, databases), with the place where
// a person must look. Fields that do not apply stay empty or 0.
struct Error {
  Reason code = Reason::not_this_protocol;
  std::string file = {};
  uint64_t line = 0;    // from 1
  uint64_t column = 0;  // from 1
  uint64_t offset = 0;  // bytes from the start of the file
  std::string message = {};

  // "p0f.fp:12:5: message", or "x.pcap: offset 40: message", or just the message.
  std::string text() const {
    std::string out = file;
    if (line != 0) {
      out += ":" + std::to_string(line);
      if (column != 0) out += ":" + std::to_string(column);
    } else if (offset != 0) {
      out += (out.empty() ? "offset " : ": offset ") + std::to_string(offset);
    }
    if (!out.empty()) out += ": ";
    return out + message;
  }
};

// A value or the Error that stands in its place.
//
//   Result<Image> image = load(path);
//   if (!image) return image.error();
//   use(*image);
//
// Reading the value of a failed Result, or the error of a good one, throws
// std::bad_variant_access: a defect of the caller, not a condition to handle.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

// Success without a value.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const& { return error_.value(); }
  Error&& error() && { return std::move(error_).value(); }

 private:
  std::optional<Error> error_;
};

}  // namespace handprint
