#!/usr/bin/python3
"""Writes the models of this folder's tests and of bench/ort_batch into a folder.

conv.onnx      a small convolutional net, [N,3,96,96] -> scores [N,10]: its rows do not know of each other
words.onnx     [N,T] token numbers -> [N,4]: rows do not know of each other, and numbers must be small
sentence.onnx  [T,4] -> [T,4] less the mean over T: its free first dimension is no batch
boxes.onnx     [N,4] -> the rows with a number over 0.7, [M,4]: nobody can say whose an output row is

Needs Debian's python3-onnx. Usage: make_test_models.py FOLDER
"""

import os
import sys

import numpy
from onnx import TensorProto, checker, helper, numpy_helper, save

FLOAT = TensorProto.FLOAT
INT64 = TensorProto.INT64


def write(folder, name, nodes, inputs, outputs, weights):
    values = [numpy_helper.from_array(value, key) for key, value in weights.items()]
    graph = helper.make_graph(nodes, name, inputs, outputs, values)
    model = helper.make_model(graph, producer_name="barrio-tests", opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    checker.check_model(model)
    save(model, os.path.join(folder, name + ".onnx"))


def conv(folder, random):
    nodes, weights, last, channels = [], {}, "image", 3
    for i, (out, stride) in enumerate([(16, 2), (32, 1), (32, 2), (64, 1), (64, 2), (128, 1)]):
        weights[f"w{i}"] = (random.standard_normal((out, channels, 3, 3)) / (3 * channels**0.5)).astype("float32")
        conv_node = helper.make_node("Conv", [last, f"w{i}"], [f"c{i}"], pads=[1, 1, 1, 1], strides=[stride, stride])
        nodes += [conv_node, helper.make_node("Relu", [f"c{i}"], [f"r{i}"])]
        last, channels = f"r{i}", out
    weights["head"] = (random.standard_normal((channels, 10)) / channels**0.5).astype("float32")
    nodes += [
        helper.make_node("GlobalAveragePool", [last], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "head"], ["scores"]),
    ]
    image = helper.make_tensor_value_info("image", FLOAT, ["N", 3, 96, 96])
    write(folder, "conv", nodes, [image], [helper.make_tensor_value_info("scores", FLOAT, ["N", 10])], weights)


def words(folder, random):
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["vectors"]),
        helper.make_node("ReduceMean", ["vectors"], ["mean"], axes=[1], keepdims=0),
    ]
    tokens = helper.make_tensor_value_info("tokens", INT64, ["N", "T"])
    mean = helper.make_tensor_value_info("mean", FLOAT, ["N", 4])
    write(folder, "words", nodes, [tokens], [mean], {"table": random.standard_normal((20, 4)).astype("float32")})


def sentence(folder):
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["x", "mean"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", FLOAT, ["T", 4])
    write(folder, "sentence", nodes, [x], [helper.make_tensor_value_info("y", FLOAT, ["T", 4])], {})


def boxes(folder):
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["most"], axes=[1], keepdims=0),
        helper.make_node("Greater", ["most", "half"], ["seen"]),
        helper.make_node("Compress", ["x", "seen"], ["y"], axis=0),
    ]
    x = helper.make_tensor_value_info("x", FLOAT, ["N", 4])
    y = helper.make_tensor_value_info("y", FLOAT, ["M", 4])
    write(folder, "boxes", nodes, [x], [y], {"half": numpy.array(0.7, "float32")})


if __name__ == "__main__":
    random = numpy.random.default_rng(1)
    conv(sys.argv[1], random)
    words(sys.argv[1], random)
    sentence(sys.argv[1])
    boxes(sys.argv[1])
