// SPDX-License-Identifier: Apache-2.0
#include "agent/source/live/ring_feed.h"

#include <utility>

namespace handprint {

Result<std::unique_ptr<RingFeed>> RingFeed::open(Descriptor packets, Descriptor processes,
                                                 RingSizes sizes, uint32_t own_netns,
                                                 std::vector<hp_owner> seeded) {
  std::unique_ptr<RingFeed> feed(new RingFeed);
  feed->packets_ = std::move(packets);
  feed->processes_ = std::move(processes);
  feed->seeded_ = std::move(seeded);
  auto packet_ring = open_kernel_ring(feed->packets_.get(), sizes.packet_bytes);
  if (!packet_ring) return packet_ring.error();
  auto process_ring = open_kernel_ring(feed->processes_.get(), sizes.process_bytes);
  if (!process_ring) return process_ring.error();
  feed->reader_ =
      std::make_unique<RingReader>(std::move(*packet_ring), std::move(*process_ring), own_netns);
  return feed;
}

void RingFeed::interface_is(uint32_t interface, std::string_view name) {
  std::lock_guard lock(mutex_);
  names_[interface] = {std::string(name), false};
}

void RingFeed::interface_gone(uint32_t interface) {
  std::lock_guard lock(mutex_);
  const auto found = names_.find(interface);
  if (found == names_.end() || found->second.gone) return;
  found->second.gone = true;
  gone_.push_back(interface);
  while (gone_.size() > most_gone) {
    // Its number may have been given to another meanwhile.
    const auto oldest = names_.find(gone_.front());
    if (oldest != names_.end() && oldest->second.gone) names_.erase(oldest);
    gone_.pop_front();
  }
}

std::string RingFeed::interface_name(uint32_t interface) const {
  std::lock_guard lock(mutex_);
  const auto found = names_.find(interface);
  return found != names_.end() ? found->second.text : std::string();
}

}  // namespace handprint
