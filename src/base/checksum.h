#pragma once
// Checksums that find accidents, not attackers: CRC-32 (ISO 3309, as zip), CRC-32C (Castagnoli, RFC 3720) and
// CRC-64/NVME. All reflected, so that one loop serves them: with carry-less
// multiplication where the processor has it, else with tables. A running value begins at 0 and is the
// checksum of what came so far.

#include <cstdint>
#include <string_view>

namespace barrio {

uint32_t crc32(std::string_view data, uint32_t running = 0);
uint32_t crc32c(std::string_view data, uint32_t running = 0);
uint64_t crc64nvme(std::string_view data, uint64_t running = 0);

}  // namespace barrio
