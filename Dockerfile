# docker build -t knowpay . && docker run --rm -p 8888:8888 knowpay
FROM python:3.11-slim-bookworm AS system
RUN apt-get update \
 && apt-get install -y --no-install-recommends chromium fonts-noto-cjk git make \
 && rm -rf /var/lib/apt/lists/*

FROM system
WORKDIR /course
COPY . .
RUN make .venv/ready
EXPOSE 8888
CMD [".venv/bin/jupyter-lab", "--ip=0.0.0.0", "--allow-root", "--no-browser", "notebooks"]
