# The demo with the shipped networks: docker build -t metaseg . && docker run -p 7860:7860 metaseg
# On an NVIDIA GPU: docker run --gpus all -p 7860:7860 metaseg
FROM python:3.11.14-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_ANALYTICS_ENABLED=False

RUN useradd --create-home --uid 1000 metaseg
WORKDIR /app

COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

COPY LICENSE app.py ./
COPY metaseg/ metaseg/
COPY checkpoints/ checkpoints/
COPY examples/ examples/

USER 1000
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=180s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/', timeout=8)"]
CMD ["python", "app.py"]
