# The demo with the shipped networks: docker build -t metaseg . && docker run -p 7860:7860 metaseg
# For a GPU, take the CUDA build of PyTorch from PyPI:
#   docker build --build-arg TORCH_INDEX=https://pypi.org/simple -t metaseg:gpu .
FROM python:3.11.14-slim-bookworm

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

ENV PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_ANALYTICS_ENABLED=False

RUN useradd --create-home --uid 1000 metaseg
WORKDIR /app

# torch and torchvision come from the same index; the rest finds them installed.
COPY requirements.txt ./
RUN sed -n '/^torch\(vision\)\?==/p' requirements.txt > /tmp/torch.txt \
    && pip install --no-cache-dir --index-url "$TORCH_INDEX" -r /tmp/torch.txt \
    && pip install --no-cache-dir -r requirements.txt \
    && rm /tmp/torch.txt

COPY LICENSE app.py ./
COPY metaseg/ metaseg/
COPY checkpoints/ checkpoints/
COPY examples/ examples/
COPY docs/ docs/

USER 1000
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=180s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/', timeout=8)"]
CMD ["python", "app.py"]
