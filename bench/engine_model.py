#!/usr/bin/env python3
"""Writes the model of bench_engine_front: seven 3x3 convolutions on an image of 96 x 96, some milliseconds on one core.
Usage: engine_model.py FILE    Needs python3-onnx and python3-numpy."""

import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

LAYERS, CHANNELS, SIZE = 7, 32, 96

random = numpy.random.default_rng(1)
nodes, weights, name, channels = [], [], "image", 3
for layer in range(LAYERS):
    weight = (random.standard_normal((CHANNELS, channels, 3, 3)) / channels / 9).astype(numpy.float32)
    weights.append(numpy_helper.from_array(weight, f"w{layer}"))
    nodes.append(helper.make_node("Conv", [name, f"w{layer}"], [f"c{layer}"], pads=[1, 1, 1, 1]))
    nodes.append(helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"]))
    name, channels = f"r{layer}", CHANNELS
nodes.append(helper.make_node("GlobalAveragePool", [name], ["features"]))
graph = helper.make_graph(
    nodes, "convolutions",
    [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
    [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, CHANNELS, 1, 1])], weights)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
model.ir_version = 7
onnx.checker.check_model(model)
onnx.save(model, sys.argv[1])
