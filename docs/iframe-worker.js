// A page that was opened from a disk may start no worker, but the theme's search wants one. There it gets a hidden frame
// instead. The theme knows such frames by the name IFrameWorker, after the package that it would fetch for this.
if (location.protocol === "file:") {
  window.Worker = window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      inside.document.open();
      inside.document.write("<body></body>");
      inside.document.close();
      inside.postMessage = (data) => this.#tell(data);
      inside.importScripts = async (...urls) => {
        for (const each of urls) await this.#load(each);
      };
      this.ready = this.#load(url);
    }

    async postMessage(data) {
      await this.ready;
      const inside = this.frame.contentWindow;
      inside.dispatchEvent(new inside.MessageEvent("message", { data: structuredClone(data) }));
    }

    terminate() {
      this.frame.remove();
    }

    #tell(data) {
      const event = new MessageEvent("message", { data });
      this.dispatchEvent(event);
      this.onmessage?.(event);
    }

    #load(url) {
      const script = this.frame.contentDocument.createElement("script");
      script.src = url;
      this.frame.contentDocument.body.append(script);
      return new Promise((loaded, failed) => {
        script.onload = loaded;
        script.onerror = failed;
      });
    }
  };
}
