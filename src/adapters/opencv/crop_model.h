#pragma once
// Pictures for the next step of a pipeline: parts of a JPEG, or all of it, as JPEGs or as the numbers that a network
// takes. Built-ins of the opencv backend:
//
//   crop            boxes of a picture, each as a JPEG: `crops` BYTES [n]
//   crop-WxH-rgb    scaled to W x H pixels: `crops` FP32 [n,3,H,W], 0 to 1, red first
//   crop-WxH-grey   the same: FP32 [n,1,H,W]
//   decode-WxH-rgb, decode-WxH-grey   the whole picture: `pixels` FP32 [1,C,H,W]
//
// Inputs `image` BYTES [1] (a JPEG of at most max_frame_pixels) and, for crops, `boxes` FP32 [n,4] (x, y, width, height
// in pixels). A box is cut where it leaves the picture; one that lies outside, or is not a number, gives the nearest
// pixel. At most 64 boxes, the first ones.

#include <optional>
#include <string_view>

#include "ports/inference_backend.h"

namespace barrio::adapters {

struct CropForm {
  bool whole = false;  // decode
  bool jpeg = false;   // else numbers, width x height
  bool grey = false;
  int width = 0;  // pixels
  int height = 0;
};

/// None: not a built-in of this kind.
std::optional<CropForm> parse_crop_form(std::string_view builtin);

class CropModel final : public ports::Model {
 public:
  CropModel(const std::string& name, CropForm form);
  const ports::ModelInfo& info() const override { return info_; }
  std::vector<Result<ports::Outputs>> run(std::span<const ports::InferenceRequest> batch) override;

 private:
  Result<ports::Outputs> run_one(const ports::InferenceRequest& request) const;

  CropForm form_;
  ports::ModelInfo info_;
};

}  // namespace barrio::adapters
