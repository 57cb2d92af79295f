#!/usr/bin/python3
"""Writes sobel.onnx: the edges of a grey image, and how strong they are on average.

Needs Debian's python3-onnx. Usage: make_model.py [OUTPUT]
"""

import os
import sys

from onnx import TensorProto, checker, helper, save


def make_model():
    across = [-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0]
    down = [-1.0, -2.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 1.0]
    kernels = helper.make_tensor("kernels", TensorProto.FLOAT, [2, 1, 3, 3], across + down)
    nodes = [
        helper.make_node("Conv", ["image", "kernels"], ["gradients"], pads=[1, 1, 1, 1]),
        helper.make_node("Mul", ["gradients", "gradients"], ["squares"]),
        helper.make_node("ReduceSum", ["squares", "channels"], ["sums"], keepdims=1),
        helper.make_node("Sqrt", ["sums"], ["edges"]),
        helper.make_node("ReduceMean", ["edges"], ["energy"], axes=[1, 2, 3], keepdims=0),
    ]
    channels = helper.make_tensor("channels", TensorProto.INT64, [1], [1])
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, "height", "width"])
    edges = helper.make_tensor_value_info("edges", TensorProto.FLOAT, [1, 1, "height", "width"])
    energy = helper.make_tensor_value_info("energy", TensorProto.FLOAT, [1])
    graph = helper.make_graph(nodes, "sobel", [image], [edges, energy], [kernels, channels])
    model = helper.make_model(graph, producer_name="barrio-examples", opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    checker.check_model(model)
    return model


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    output = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "sobel.onnx")
    save(make_model(), output)
    print("wrote", output)
