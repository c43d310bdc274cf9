"""Answers of the Open Inference Protocol, as its REST page describes them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class ServerMetadataOut(BaseModel):
    name: str
    version: str
    extensions: list[str]


class TensorOut(BaseModel):
    """An input or output: in its shape, -1 is any number."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, str] = Field(description="`description`: what it is.")


class ModelMetadataOut(BaseModel):
    name: str
    versions: list[str] = Field(description="The one that is loaded.")
    platform: str
    inputs: list[TensorOut] = Field(description="Of which one is sent.")
    outputs: list[TensorOut]
    parameters: dict[str, str] = Field(description="Parameters of a request, and what each does.")


class ModelReadyOut(BaseModel):
    name: str
    ready: bool


class InferenceErrorOut(BaseModel):
    error: str


class InputIn(BaseModel):
    name: str = Field(examples=["photos"])
    datatype: str = Field(examples=["BYTES"])
    shape: list[int]
    parameters: dict[str, Any] | None = Field(
        None, description="`binary_data_size`, or `content_type`: `base64` for BYTES in JSON."
    )
    data: list[Any] | None = None


class OutputIn(BaseModel):
    name: str
    parameters: dict[str, Any] | None = Field(None, description="`binary_data`: whether it comes as binary data.")


class InferenceIn(BaseModel):
    """What is wanted of a model. Binary data of inputs follows it, in their order."""

    id: str | None = None
    inputs: list[InputIn]
    outputs: list[OutputIn] | None = Field(None, description="All, where none is named.")
    parameters: dict[str, Any] | None = None


class OutputOut(BaseModel):
    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, int] | None = Field(None, description="`binary_data_size`, where it is behind the JSON.")
    data: list[Any] | None = None


class InferenceOut(BaseModel):
    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputOut]
